import 'server-only'
import type { TimeRange } from '#lib/postings/times.ts'
import type { Sql } from '#server/kernel/db.ts'
import type { ColdWalk } from './archive/cold-log.ts'
import { howMany } from './count-matches.ts'
import { PageReader, type PageWanted } from './page-reader.ts'
import { type Candidate, timeAt } from './scan.ts'
import type { Ask } from './schema.ts'
import { rangeOf } from './time-range.ts'

/** Where a page ends and the next one goes on: behind the entry `after` (null: at the very end), recorded at `time`, milliseconds. */
export type Place = { after: number | null; time: number }

/** A page of matches; `next` is null behind the last, `searchedTo` says (milliseconds) how far the log was looked at. */
export type Found = { items: Candidate[]; next: Place | null; searchedTo: number | null }

/** The page that is wanted, the place where the last one ended, and what it may take. */
export type PageScan = PageWanted & { ask: Pick<Ask, 'from' | 'to'>; place: Place | null; budgetMs: number }

/** Matches in the order of the log until there are enough, the log ends or the time is over. */
export async function findPage(sql: Sql, scan: PageScan): Promise<Found> {
  const { ask, bounds, place, budgetMs } = scan
  const newestFirst = ask.order === 'newest'
  const deadline = performance.now() + budgetMs
  const range = rangeOf(ask)
  const page = new PageReader(sql, scan, range)
  const { from, to } = between(place, newestFirst, bounds.size)
  const coldTo = bounds.cold?.to ?? 0
  const reading: Reading = { sql, scan, page, range, deadline }
  const hot = () => readHot(reading, Math.max(from, coldTo), to)
  const cold = () => readCold(reading, from, Math.min(to, coldTo))
  for (const part of newestFirst ? [hot, cold] : [cold, hot]) {
    const found = await part()
    if (found) return found
  }
  return { items: page.items, next: null, searchedTo: newestFirst ? bounds.from : bounds.to - 1 }
}

type Reading = { sql: Sql; scan: PageScan; page: PageReader; range: TimeRange | null; deadline: number }

/** Reads on through the index, from the one end to the other; null when it came there and the page is not full. */
async function readHot(reading: Reading, from: number, to: number): Promise<Found | null> {
  const { sql, scan, page, range, deadline } = reading
  const { tenantId, plan, ask, bounds } = scan
  const newestFirst = ask.order === 'newest'
  const tallies = howMany(bounds, plan, range)
  const known = (block: number) => (tallies.of(block) === 0 ? 0 : undefined)
  const steps = bounds.index.walk({ nodes: [plan.candidates], range, newestFirst, from, to, known })
  for await (const { found, reached } of steps) {
    if (found) page.add(found)
    const isOver = performance.now() > deadline
    // Rare matches lie far apart: they are read together, at the end if need be. Each reading is a wait for the database.
    const ended = await readWhile(reading, () => page.isWorthReading || (isOver && page.hasWaiting))
    if (ended) return ended
    if (isOver && !isEnd(reached, newestFirst, bounds.size))
      return unfinished(page.items, reached, await timeAt(sql, tenantId, bounds, { at: reached, newestFirst }))
  }
  return readWhile(reading, () => page.hasWaiting)
}

/** Reads what was found until the page is full or the time is over; null when there is no more to read. */
async function readWhile({ scan, page, deadline }: Reading, goesOn: () => boolean): Promise<Found | null> {
  while (goesOn()) {
    await page.read()
    if (page.isFull) return fullPage(page.items, scan.ask.limit)
    const last = page.lastRead
    if (last && performance.now() > deadline) return unfinished(page.items, last.index, last.time)
  }
  return null
}

/** The same through the archive. */
async function readCold({ scan, page, range, deadline }: Reading, from: number, to: number): Promise<Found | null> {
  const { plan, ask, bounds } = scan
  if (!bounds.cold || to <= from) return null
  const newestFirst = ask.order === 'newest'
  // Whoever can be shown something need not wait for more of it.
  const walk: ColdWalk = { query: plan.query, range, from, to, newestFirst, fetches: page.items.length === 0 }
  for await (const { reached, recordedAt, isLast, found } of bounds.cold.places(walk, () => page.missing)) {
    if (found === null) return unfinished(page.items, reached, recordedAt)
    page.take(await bounds.cold.entriesAt(found))
    if (page.isFull) return fullPage(page.items, ask.limit)
    if (!isLast && performance.now() > deadline) return unfinished(page.items, reached, recordedAt)
  }
  return null
}

/** What lies beyond the place where the last page ended. */
function between(place: Place | null, newestFirst: boolean, size: number): { from: number; to: number } {
  if (place === null || place.after === null) return { from: 0, to: size }
  return newestFirst ? { from: 0, to: Math.min(size, place.after) } : { from: place.after + 1, to: size }
}

function isEnd(reached: number, newestFirst: boolean, size: number): boolean {
  return newestFirst ? reached <= 0 : reached >= size - 1
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
