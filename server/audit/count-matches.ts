import 'server-only'
import { countBits, subtract, takePlaces } from '#lib/postings/bits.ts'
import type { TimeRange } from '#lib/postings/times.ts'
import type { Sql } from '#server/kernel/db.ts'
import type { BlockSets } from './index/block-sets.ts'
import { Tallies } from './index/tallies.ts'
import type { Plan } from './plan.ts'
import { fetchEntries, type LogBounds, RECHECKED } from './scan.ts'
import { type Ask, TOTAL_CAP, type Total } from './schema.ts'
import { isWithin, rangeOf } from './time-range.ts'

/** Counting stops sooner than a page: a total is not worth a wait. */
const COUNT_BUDGET_MS = 300

type Count = { tenantId: string; plan: Plan; ask: Pick<Ask, 'from' | 'to'>; bounds: LogBounds }

/** How many match, counted up to the cap and for a moment; `capped` means "at least". */
export async function countMatches(sql: Sql, { tenantId, plan, ask, bounds }: Count): Promise<Total> {
  const deadline = performance.now() + COUNT_BUDGET_MS
  const range = rangeOf(ask)
  const nodes = [plan.candidates, plan.certain]
  let value = 0
  const tallies = howMany(bounds, plan, range)
  const known = (block: number) => tallies.of(block)
  const [from, to] = [bounds.cold?.to ?? 0, bounds.size]
  const steps = bounds.index.walk({ nodes, range, newestFirst: true, from, to, known })
  for await (const { found, block, passed, reached } of steps) {
    const { certain, doubtful } = found ? split(found) : { certain: 0, doubtful: [] }
    value += passed.reduce((sum, events) => sum + events, certain)
    if (block !== null && doubtful.length === 0) tallies.note(block, certain, 1)
    for (let at = 0; at < doubtful.length && value <= TOTAL_CAP; at += RECHECKED) {
      if (performance.now() > deadline) return { value, capped: true }
      const fetched = await fetchEntries(sql, tenantId, bounds.index, doubtful.slice(at, at + RECHECKED))
      value += fetched.filter((candidate) => plan.matches(candidate) && isWithin(candidate, range)).length
    }
    if (value > TOTAL_CAP) return { value: TOTAL_CAP, capped: true }
    if (reached > 0 && performance.now() > deadline) return { value, capped: true }
  }
  if (!bounds.cold) return { value, capped: false }
  const walk = { query: plan.query, range, newestFirst: true, from: 0, to: bounds.cold.to }
  for await (const { isLast, found } of bounds.cold.counts(walk)) {
    if (found === null) return { value, capped: true }
    value += found
    if (value > TOTAL_CAP) return { value: TOTAL_CAP, capped: true }
    if (!isLast && performance.now() > deadline) return { value, capped: true }
  }
  return { value, capped: false }
}

/** What each block of the log came to when the matches of a question were counted. */
export function howMany(bounds: LogBounds, plan: Plan, range: TimeRange | null): Tallies<number> {
  return new Tallies<number>(bounds.index, `how many ${plan.normal}`, range)
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
