import 'server-only'
import type { BundleAbout, BundleKind } from '#protocol/audit/bundle.ts'
import type { StoredEntry } from '../stored.ts'

/** A file to seal; its name is a path inside the bundle, like `report.pdf`. */
export type SealFile = { name: string; content: AsyncIterable<Uint8Array> | Uint8Array }

export type SealAsk = {
  kind: Exclude<BundleKind, 'export'>
  about?: BundleAbout
  files: readonly SealFile[]
  /** The events that the files rest on, ascending by index; they go along as NDJSON, each of them proven. */
  events?: AsyncIterable<readonly StoredEntry[]> | Iterable<readonly StoredEntry[]>
  /** For a reader without `audit:unmask`: of the events only the leaves' hashes go along. */
  masked?: boolean
}

export type SealedBundle = { path: string; sizeBytes: number; events: number; checkpointSize: number }

/**
 * Seals files and the events that they rest on with the organisation's log key and writes the bundle to `path`, whole or not at
 * all. `gatehouse verify` accepts it. @throws AppError conflict when the log cannot be signed
 */
export async function sealBundle(tenantId: string, ask: SealAsk, path: string): Promise<SealedBundle> {
  throw new Error(`bundles of ${tenantId} cannot be sealed yet: ${ask.kind} ${path}`)
}
