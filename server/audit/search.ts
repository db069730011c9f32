import 'server-only'
import { type Bits, countBits, subtract, takePlaces } from '#lib/postings/bits.ts'
import type { TimeRange } from '#lib/postings/times.ts'
import { formatTime } from '#lib/time.ts'
import type { Sql } from '#server/kernel/db.ts'
import { AppError, errorCodeOf } from '#server/kernel/errors.ts'
import type { ColdWalk } from './archive/cold-log.ts'
import type { BlockSets } from './index/log-index.ts'
import { type Plan, planOf } from './plan.ts'
import { boundsOf, type Candidate, fetchEntries, type LogBounds, type Opened, toCandidate } from './scan.ts'
import { type Ask, type SearchResult, TOTAL_CAP, type Total } from './schema.ts'
import type { StoredEntry } from './stored.ts'
import { viewEvent } from './view.ts'

/** A page gives up after this and says how far it came; the cursor goes on from there. */
const PAGE_BUDGET_MS = 2_000
/** One statement, at most. */
export const STATEMENT_MS = 8_000
/** Counting stops sooner: a total is not worth a wait. */
const COUNT_BUDGET_MS = 300
/** Entries read at once where the index alone does not decide. */
const RECHECKED = 200

type Page = { order: 'newest' | 'oldest'; cursor?: string | undefined; limit: number }
type Place = { after: number | null; time: number }

export type Found = { items: Candidate[]; next: Place | null; searchedTo: number | null }

/** One page of a search and its total. @throws AppError query_invalid · invalid · unavailable */
export async function search(sql: Sql, tenantId: string, ask: Ask & Page & Opened): Promise<SearchResult> {
  const plan = planOf(ask.q, tenantId)
  const place = ask.cursor === undefined ? null : readCursor(ask.cursor, ask.order)
  const bounds = await boundsOf(sql, tenantId, ask)
  if (!bounds) return { items: [], nextCursor: null, searchedBackTo: null, total: { value: 0, capped: false } }
  return inTime(sql, STATEMENT_MS, async () => {
    const found = await findPage(sql, { tenantId, plan, ask, bounds, place, budgetMs: PAGE_BUDGET_MS })
    const whole = place === null && found.next === null
    const total = whole
      ? { value: found.items.length, capped: false }
      : await countMatches(sql, { tenantId, plan, ask, bounds })
    return {
      items: found.items.map(viewEvent),
      nextCursor: found.next && formatCursor(found.next, ask.order),
      searchedBackTo: found.searchedTo === null ? null : formatTime(found.searchedTo),
      total,
    }
  })
}

export type PageScan = {
  tenantId: string
  plan: Plan
  ask: Pick<Ask, 'from' | 'to'> & Pick<Page, 'order' | 'limit'>
  bounds: LogBounds
  place: Place | null
  budgetMs: number
}

/** Matches in the order of the log until there are enough, the log ends or the time is over. */
export async function findPage(sql: Sql, scan: PageScan): Promise<Found> {
  const { ask, bounds, place, budgetMs } = scan
  const newestFirst = ask.order === 'newest'
  const deadline = performance.now() + budgetMs
  const range = rangeOf(ask)
  const page = new PageReader(sql, scan, range)
  const { from, to } = between(place, newestFirst, bounds.size)
  const coldTo = bounds.cold?.to ?? 0
  const reading: Reading = { scan, page, range, deadline }
  const hot = () => readHot(reading, Math.max(from, coldTo), to)
  const cold = () => readCold(reading, from, Math.min(to, coldTo))
  for (const part of newestFirst ? [hot, cold] : [cold, hot]) {
    const found = await part()
    if (found) return found
  }
  return { items: page.items, next: null, searchedTo: newestFirst ? bounds.from : bounds.to - 1 }
}

type Reading = { scan: PageScan; page: PageReader; range: TimeRange | null; deadline: number }

/** Reads on through the index, from the one end to the other; null when it came there and the page is not full. */
async function readHot({ scan, page, range, deadline }: Reading, from: number, to: number): Promise<Found | null> {
  const { plan, ask, bounds } = scan
  const newestFirst = ask.order === 'newest'
  const steps = bounds.index.walk({ nodes: [plan.candidates], range, newestFirst, from, to })
  for await (const { found, reached } of steps) {
    if (found) page.add(found)
    // Rare matches lie far apart: they are read together, not block by block.
    while (page.isWorthReading || (!found && page.hasWaiting)) {
      await page.read()
      if (page.isFull) return fullPage(page.items, ask.limit)
      const last = page.lastRead
      if (last && performance.now() > deadline) return unfinished(page.items, last.index, last.time)
    }
    if (!page.hasWaiting && performance.now() > deadline && !isEnd(reached, newestFirst, bounds.size))
      return unfinished(page.items, reached, timeAt(bounds, reached, newestFirst))
  }
  return null
}

/** The same through the archive. */
async function readCold({ scan, page, range, deadline }: Reading, from: number, to: number): Promise<Found | null> {
  const { plan, ask, bounds } = scan
  if (!bounds.cold || to <= from) return null
  const newestFirst = ask.order === 'newest'
  const walk: ColdWalk = { query: plan.query, range, from, to, newestFirst }
  for await (const { reached, recordedAt, isLast, found } of bounds.cold.places(walk, () => page.missing)) {
    page.take(await bounds.cold.entriesAt(found))
    if (page.isFull) return fullPage(page.items, ask.limit)
    if (!isLast && performance.now() > deadline) return unfinished(page.items, reached, recordedAt)
  }
  return null
}

/** Turns places into events, some at a time. */
class PageReader {
  readonly items: Candidate[] = []
  /** The last entry that was looked at, found or not. */
  lastRead: { index: number; time: number } | null = null
  /** Blocks whose places were not read yet, in reading order. */
  #waiting: { base: number; bits: Bits; left: number }[] = []
  readonly #sql: Sql
  readonly #scan: PageScan
  readonly #range: TimeRange | null

  constructor(sql: Sql, scan: PageScan, range: TimeRange | null) {
    this.#sql = sql
    this.#scan = scan
    this.#range = range
  }

  get isFull(): boolean {
    return this.items.length > this.#scan.ask.limit
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
      const end = this.#scan.ask.order === 'newest' ? 'last' : 'first'
      const { base } = block
      const places = takePlaces(block.bits, most - indexes.length, end)
      for (const place of places) indexes.push(base + place)
      block.left -= places.length
      if (block.left === 0) this.#waiting.shift()
    }
    return indexes
  }

  async read(): Promise<void> {
    const { tenantId, bounds, ask } = this.#scan
    const indexes = this.#next(this.#wanted())
    const fetched = await fetchEntries(this.#sql, tenantId, bounds.index.shape, indexes)
    this.#keep(fetched)
    const last = indexes.at(-1)
    if (last !== undefined)
      this.lastRead = {
        index: last,
        time: fetched.at(-1)?.recordedAt.getTime() ?? timeAt(bounds, last, ask.order === 'newest'),
      }
  }

  /** Entries of the archive, ascending. */
  take(stored: readonly StoredEntry[]): void {
    const found = stored.map(toCandidate)
    this.#keep(this.#scan.ask.order === 'newest' ? found.reverse() : found)
  }

  #keep(candidates: readonly Candidate[]): void {
    for (const candidate of candidates)
      if (this.#scan.plan.matches(candidate) && isWithin(candidate, this.#range)) this.items.push(candidate)
  }

  get missing(): number {
    return this.#scan.ask.limit + 1 - this.items.length
  }

  /** What is missing; more where some of that did not match. */
  #wanted(): number {
    return this.#scan.plan.isExact || !this.lastRead ? this.missing : Math.max(RECHECKED, this.missing)
  }
}

/** What lies beyond the place where the last page ended. */
function between(place: Place | null, newestFirst: boolean, size: number): { from: number; to: number } {
  if (place === null || place.after === null) return { from: 0, to: size }
  return newestFirst ? { from: 0, to: Math.min(size, place.after) } : { from: place.after + 1, to: size }
}

function isEnd(reached: number, newestFirst: boolean, size: number): boolean {
  return newestFirst ? reached <= 0 : reached >= size - 1
}

/** When the entry at an index was recorded, or the nearest time before it that is known without reading it. */
function timeAt({ index, from, to }: LogBounds, at: number, newestFirst: boolean): number {
  const run = index.shape.runs.findLast((candidate) => candidate.at <= at)
  if (!run) return newestFirst ? from : to
  return newestFirst ? run.recordedFrom : run.recordedTo
}

function fullPage(items: Candidate[], limit: number): Found {
  const page = items.slice(0, limit)
  const last = page.at(-1)
  if (!last) throw new Error('a full page has a last row')
  const time = last.recordedAt.getTime()
  return { items: page, next: { after: last.index, time }, searchedTo: time }
}

function unfinished(items: Candidate[], after: number, time: number): Found {
  return { items, next: { after, time }, searchedTo: time }
}

/** When something must have occurred, in milliseconds; null where the question has no bounds. */
export function rangeOf({ from, to }: Pick<Ask, 'from' | 'to'>): TimeRange | null {
  if (from === undefined && to === undefined) return null
  return { from: from === undefined ? null : Date.parse(from), to: to === undefined ? null : Date.parse(to) }
}

export function isWithin({ entry }: { entry: { occurredAt: string } }, range: TimeRange | null): boolean {
  if (!range) return true
  const time = Date.parse(entry.occurredAt)
  return (range.from === null || time >= range.from) && (range.to === null || time < range.to)
}

type Count = Pick<PageScan, 'tenantId' | 'plan' | 'bounds'> & { ask: Pick<Ask, 'from' | 'to'> }

/** How many match, counted up to the cap and for a moment; `capped` means "at least". */
export async function countMatches(sql: Sql, { tenantId, plan, ask, bounds }: Count): Promise<Total> {
  const deadline = performance.now() + COUNT_BUDGET_MS
  const range = rangeOf(ask)
  const nodes = [plan.candidates, plan.certain]
  let value = 0
  const steps = bounds.index.walk({ nodes, range, newestFirst: true, from: bounds.cold?.to ?? 0, to: bounds.size })
  for await (const { found, reached } of steps) {
    const { certain, doubtful } = found ? split(found) : { certain: 0, doubtful: [] }
    value += certain
    for (let at = 0; at < doubtful.length && value <= TOTAL_CAP; at += RECHECKED) {
      if (performance.now() > deadline) return { value, capped: true }
      const fetched = await fetchEntries(sql, tenantId, bounds.index.shape, doubtful.slice(at, at + RECHECKED))
      value += fetched.filter((candidate) => plan.matches(candidate) && isWithin(candidate, range)).length
    }
    if (value > TOTAL_CAP) return { value: TOTAL_CAP, capped: true }
    if (reached > 0 && performance.now() > deadline) return { value, capped: true }
  }
  if (!bounds.cold) return { value, capped: false }
  const walk: ColdWalk = { query: plan.query, range, newestFirst: true, from: 0, to: bounds.cold.to }
  for await (const { isLast, found } of bounds.cold.counts(walk)) {
    value += found
    if (value > TOTAL_CAP) return { value: TOTAL_CAP, capped: true }
    if (!isLast && performance.now() > deadline) return { value, capped: true }
  }
  return { value, capped: false }
}

/** How many the index is sure of, and the indexes of those that must be read. */
export function split({ base, sets }: BlockSets): { certain: number; doubtful: number[] } {
  const [candidates, sure] = sets
  if (!candidates || !sure) return { certain: 0, doubtful: [] }
  if (candidates === sure) return { certain: countBits(candidates), doubtful: [] }
  const doubtful = candidates.slice()
  subtract(doubtful, sure)
  const left = countBits(doubtful)
  return {
    certain: countBits(candidates) - left,
    doubtful: takePlaces(doubtful, left, 'last').map((place) => base + place),
  }
}

/** Each statement inside may take `limitMs`: one that runs into it is no bug, the question is too wide. */
export async function inTime<T>(sql: Sql, limitMs: number, run: () => Promise<T>): Promise<T> {
  try {
    const [, result] = await Promise.all([
      sql(`SELECT set_config('statement_timeout', $1::text, true)`, [String(limitMs)]),
      run(),
    ])
    return result
  } catch (error) {
    if (errorCodeOf(error) !== '57014') throw error
    throw new AppError('unavailable', {
      detail: 'This search takes too long. Narrow its time or add a term.',
      retryAfter: 5,
      cause: error,
    })
  }
}

function formatCursor({ after, time }: Place, order: Page['order']): string {
  return Buffer.from(`${order}.${after ?? ''}.${time}`).toString('base64url')
}

/** @throws AppError invalid on a cursor that is not ours, or of a search in the other order */
function readCursor(cursor: string, order: Page['order']): Place {
  const [, direction, after, time] =
    /^(newest|oldest)\.(\d{0,15})\.(\d{1,15})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? []
  if (direction === order && time !== undefined) return { after: after ? Number(after) : null, time: Number(time) }
  throw new AppError('invalid', {
    detail: 'cursor: is not one of this search',
    fields: { cursor: 'is not one of this search' },
  })
}
