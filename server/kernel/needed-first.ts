import 'server-only'

/**
 * Thrown in a transaction that found that it needs something from elsewhere, which it must not wait for: its connection would be held
 * meanwhile, and the database ends what waits for long. Whoever began it gets that first and does it again.
 */
export class NeededFirst extends Error {
  override name = 'NeededFirst'
  /** Nothing is wrong with the connection. */
  readonly code = 'needed_first'
  /** Waits so long, at most. @throws AppError unavailable */
  readonly get: (withinMs: number) => Promise<void>

  constructor(get: NeededFirst['get']) {
    super('something is needed first')
    this.get = get
  }
}

/** Next bundles may hold two copies of this module: compare by name, not by class. */
export function isNeededFirst(error: unknown): error is NeededFirst {
  return error instanceof Error && error.name === 'NeededFirst' && 'get' in error
}

/** Runs a transaction that changes nothing, again and again while something is needed first; waits for all of that so long, at most. */
export async function gettingFirst<T>(withinMs: number, run: () => Promise<T>): Promise<T> {
  let leftMs = withinMs
  for (;;) {
    try {
      return await run()
    } catch (error) {
      if (!isNeededFirst(error)) throw error
      const beganMs = performance.now()
      await error.get(leftMs)
      leftMs -= performance.now() - beganMs
    }
  }
}
