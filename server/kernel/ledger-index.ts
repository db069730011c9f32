import { BLOCK } from '#lib/postings/bits.ts'
import { cutRun } from '#lib/postings/merge.ts'
import { buildRun, type PostingRow } from '#lib/postings/run.ts'
import { packTimes, type Times } from '#lib/postings/times.ts'
import type { AuditEntry } from '#protocol/audit/entry.ts'
import type { Personal } from '#protocol/audit/personal.ts'
import { TermCollector } from '#protocol/audit/term-collector.ts'
import { byteaArray, wholeArray } from './pg-arrays.ts'

/** The index of a batch, or of its part in one block. */
export type IndexedRun = { at: number; entries: number; bits: number; rows: readonly PostingRow[]; times: Times }

/** The index of a batch and when its events occurred, in milliseconds. */
export type Index = Pick<IndexedRun, 'bits' | 'rows' | 'times'> & { occurred: readonly number[] }

/** The batch's run at its place in the log; two where it crosses from one block into the next. */
export function runsAt({ occurred, ...whole }: Index, first: number): IndexedRun[] {
  const entries = occurred.length
  const room = BLOCK - (first % BLOCK)
  if (entries <= room) return [{ ...whole, at: first, entries }]
  const runs: IndexedRun[] = []
  for (let from = 0, to = room; from < entries; from = to, to = Math.min(to + BLOCK, entries)) {
    const times = packTimes(occurred.slice(from, to))
    runs.push({ at: first + from, entries: to - from, ...cutRun(whole.rows, from, to), times })
  }
  return runs
}

/**
 * What a search finds neighbouring entries by, entry by entry: what was taken is needed no longer. The one way from entries to the index,
 * for the append as for what builds it anew.
 */
export class Indexer {
  readonly #collector: TermCollector
  readonly #times: number[] = []

  constructor(tenantId: string) {
    this.#collector = new TermCollector(tenantId)
  }

  /** Places must rise; `occurredMs` is `entry.occurredAt` in milliseconds. */
  add(place: number, entry: AuditEntry, personal: Personal | undefined, occurredMs: number): void {
    this.#collector.add(entry, personal, place)
    // A place that is no longer kept has the time of the next: it is never asked for.
    while (this.#times.length <= place) this.#times.push(occurredMs)
  }

  /** `span` places, of which those that were added are kept. */
  indexed(span: number): Pick<IndexedRun, 'bits' | 'rows' | 'times'> {
    while (this.#times.length < span) this.#times.push(this.#times.at(-1) ?? 0)
    const { terms, singles } = this.#collector.collected()
    return { ...buildRun(terms, span, singles), times: packTimes(this.#times) }
  }

  /** When each of them occurred, in milliseconds. */
  get occurred(): readonly number[] {
    return this.#times
  }
}

/** What an append writes of them: its parameters from $13 on. */
export function indexArrays(runs: readonly IndexedRun[]): Buffer[] {
  const postings = runs.flatMap(({ at, rows }) => rows.map((row) => ({ at, ...row })))
  return [
    wholeArray(runs.map(({ at }) => at)),
    wholeArray(runs.map(({ entries }) => entries)),
    wholeArray(runs.map(({ bits }) => bits)),
    wholeArray(runs.map(({ times }) => times.from)),
    wholeArray(runs.map(({ times }) => times.to)),
    byteaArray(runs.map(({ times }) => times.hours)),
    byteaArray(runs.map(({ times }) => times.exact)),
    wholeArray(postings.map(({ at }) => at)),
    wholeArray(postings.map(({ key }) => key)),
    byteaArray(postings.map(({ body }) => body)),
  ]
}
