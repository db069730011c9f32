import 'server-only'
import { type Bits, countBits, takePlaces } from '#lib/postings/bits.ts'
import type { TimeRange } from '#lib/postings/times.ts'
import type { Sql } from '#server/kernel/db.ts'
import type { BlockSets } from './index/block-sets.ts'
import type { Plan } from './plan.ts'
import { type Candidate, fetchEntries, type LogBounds, RECHECKED, timeAt, toCandidate } from './scan.ts'
import type { StoredEntry } from './stored.ts'
import { isWithin } from './time-range.ts'

/** A page that is wanted: of which question, of which log, how many events in which order. */
export type PageWanted = {
  tenantId: string
  plan: Plan
  ask: { order: 'newest' | 'oldest'; limit: number }
  bounds: LogBounds
}

/** Turns places into events, some at a time. */
export class PageReader {
  readonly items: Candidate[] = []
  /** The last entry that was looked at, found or not. */
  lastRead: { index: number; time: number } | null = null
  /** Blocks whose places were not read yet, in reading order. */
  #waiting: { base: number; bits: Bits; left: number }[] = []
  readonly #sql: Sql
  readonly #page: PageWanted
  readonly #range: TimeRange | null

  constructor(sql: Sql, page: PageWanted, range: TimeRange | null) {
    this.#sql = sql
    this.#page = page
    this.#range = range
  }

  get isFull(): boolean {
    return this.items.length > this.#page.ask.limit
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0
  }

  get isWorthReading(): boolean {
    return this.#waiting.reduce((sum, { left }) => sum + left, 0) >= this.#wanted()
  }

  /** The first of its sets is used up. */
  add({ base, sets: [bits] }: BlockSets): void {
    if (bits) this.#waiting.push({ base, bits, left: countBits(bits) })
  }

  #next(most: number): number[] {
    const indexes: number[] = []
    for (let block = this.#waiting[0]; block && indexes.length < most; block = this.#waiting[0]) {
      const end = this.#page.ask.order === 'newest' ? 'last' : 'first'
      const { base } = block
      const places = takePlaces(block.bits, most - indexes.length, end)
      for (const place of places) indexes.push(base + place)
      block.left -= places.length
      if (block.left === 0) this.#waiting.shift()
    }
    return indexes
  }

  async read(): Promise<void> {
    const { tenantId, bounds, ask } = this.#page
    const indexes = this.#next(this.#wanted())
    const fetched = await fetchEntries(this.#sql, tenantId, bounds.index, indexes)
    this.#keep(fetched)
    const last = indexes.at(-1)
    if (last === undefined) return
    const place = { at: last, newestFirst: ask.order === 'newest' }
    const time = fetched.at(-1)?.recordedAt.getTime() ?? (await timeAt(this.#sql, tenantId, bounds, place))
    this.lastRead = { index: last, time }
  }

  /** Entries of the archive, ascending. */
  take(stored: readonly StoredEntry[]): void {
    const found = stored.map(toCandidate)
    this.#keep(this.#page.ask.order === 'newest' ? found.reverse() : found)
  }

  #keep(candidates: readonly Candidate[]): void {
    for (const candidate of candidates)
      if (this.#page.plan.matches(candidate) && isWithin(candidate, this.#range)) this.items.push(candidate)
  }

  get missing(): number {
    return this.#page.ask.limit + 1 - this.items.length
  }

  /** What is missing; more where some of that did not match. */
  #wanted(): number {
    return this.#page.plan.isExact || !this.lastRead ? this.missing : Math.max(RECHECKED, this.missing)
  }
}
