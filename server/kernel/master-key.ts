import 'server-only'

/** What wraps every other key. `place` is authenticated: a wrapped key moved to another organisation or row does not open. */
export interface MasterKey {
  /** Names the key, never its secret; stands beside what it wrapped. */
  readonly id: string
  /** For people: where it lies. */
  readonly where: string
  wrap(plain: Uint8Array, place: readonly string[]): Promise<Buffer>
  /** @throws MasterKeyError when it cannot be asked · Error when it does not open */
  unwrap(wrapped: Uint8Array, place: readonly string[]): Promise<Buffer>
  /** Whether it answers and does what it should. @throws MasterKeyError saying what to do */
  check(): Promise<void>
  /** Says of what it wrapped whether the newest version of the key did. */
  newestVersion(): Promise<(wrapped: Uint8Array) => boolean>
}

/** The master key cannot be used, said to whoever runs the server: what is wrong and which variable to look at. */
export class MasterKeyError extends Error {
  override name = 'MasterKeyError'
}

/** By name: bundles may hold several copies of this module. */
export function isMasterKeyError(error: unknown): error is MasterKeyError {
  return error instanceof Error && error.name === 'MasterKeyError'
}
