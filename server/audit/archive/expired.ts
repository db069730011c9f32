import 'server-only'
import { type EngineValue, engineRows } from './engine/client.ts'
import type { ColdFile } from './files.ts'
import { ColdFileProblem } from './problem.ts'
import { sourceFetched } from './reach.ts'

/** An archived entry that has expired; with its texts where they were asked for. `isLast`: the file has no more of them. */
export type ColdExpired = { index: number; at: Date; entry: string | null; personal: string | null }
export type ColdExpiredPage = { entries: ColdExpired[]; isLast: boolean }

type Listing = {
  class: string
  before: Date
  /** Beyond this place, below this size of the log. */
  after: number
  size: number
  texts: boolean
  /** So long a file is waited for that has to be fetched. */
  fetchMs: number
}

/** Archived entries of a class that have expired, in the order of the log, some of a file at a time. */
export async function* eachColdExpired(
  tenantId: string,
  files: readonly ColdFile[],
  listing: Listing,
): AsyncGenerator<ColdExpiredPage, void> {
  const { before, after, size } = listing
  for (const file of files) {
    if (file.to <= after + 1 || file.from >= size || file.recordedFrom >= before.getTime()) continue
    yield* eachOf(await sourceFetched(tenantId, [file], listing.fetchMs), listing)
  }
}

async function* eachOf(source: string, listing: Listing): AsyncGenerator<ColdExpiredPage, void> {
  let held: ColdExpired[] | null = null
  let last = listing.after
  for await (const rows of engineRows(...question(source, listing))) {
    if (held) yield { entries: held, isLast: false }
    held = rows.map(([index, at, entry, personal]) => ({
      index: Number(index),
      at: new Date(Number(at)),
      entry: typeof entry === 'string' ? entry : null,
      personal: typeof personal === 'string' ? personal : null,
    }))
    for (const { index } of held) {
      // The engine keeps the order of a file, and that is the log's.
      if (index <= last) throw new ColdFileProblem('damaged', index)
      last = index
    }
  }
  if (held) yield { entries: held, isLast: true }
}

function question(source: string, { class: name, before, after, size, texts }: Listing): [string, EngineValue[]] {
  return [
    `SELECT index, recorded_at, ${texts ? 'entry, personal' : 'NULL, NULL'} FROM ${source}
      WHERE class = ? AND recorded_at < ? AND index > ? AND index < ?`,
    [name, before.getTime(), after, size],
  ]
}
