import 'server-only'
import { type Bits, intersect, isEmpty, subtract } from '#lib/postings/bits.ts'
import { formatTime } from '#lib/time.ts'
import { OUTCOMES, type Outcome } from '#protocol/audit/actions.ts'
import type { PlanNode } from '#protocol/audit/query-plan.ts'
import { hashTerm } from '#protocol/audit/terms.ts'
import type { Sql } from '#server/kernel/db.ts'
import { split } from './count-matches.ts'
import type { BlockSets } from './index/block-sets.ts'
import { countTimes, latestOccurrence } from './index/block-times.ts'
import type { Walk } from './index/log-index.ts'
import { Tallies } from './index/tallies.ts'
import { type Plan, planOf } from './plan.ts'
import { boundsOf, fetchEntries, type LogBounds, type Opened, type Span, timeAt } from './scan.ts'
import type { Ask, Histogram, HistogramBucket } from './schema.ts'
import { inTime } from './statement-limit.ts'
import { isWithin, rangeOf } from './time-range.ts'

const BUDGET_MS = 1_000
/** Doubtful candidates are read one by one; beyond these the answer is partial. */
const MOST_DOUBTFUL = 5_000
const READ_AT_ONCE = 500

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const WIDTHS = [
  1,
  10,
  100,
  SECOND,
  5 * SECOND,
  15 * SECOND,
  30 * SECOND,
  MINUTE,
  5 * MINUTE,
  10 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  3 * HOUR,
  6 * HOUR,
  12 * HOUR,
  DAY,
  2 * DAY,
  7 * DAY,
  14 * DAY,
  28 * DAY,
  91 * DAY,
  364 * DAY,
]

/** The first and the last moment that have a form. */
const FIRST_MS = Date.parse('0001-01-01T00:00:00.000Z')
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z')

type Counts = Map<number, Record<Outcome, number>>

/** Far more bars than anybody draws: history that was imported lies years before the log, each event in a bar of its own. */
const MOST_COUNTED = 10_000

type Asked = Ask & { buckets: number }

/** Matches over time by outcome, newest first; says so when the time was not enough for all. */
export async function histogram(sql: Sql, tenantId: string, ask: Asked & Opened, now: Date): Promise<Histogram> {
  const plan = planOf(ask.q, tenantId)
  const bounds = await boundsOf(sql, tenantId, ask)
  const frame = await frameOf(sql, tenantId, { ask, bounds, now })
  const widthMs = widthOf(frame, ask.buckets)
  if (!bounds || frame.to <= frame.from) return emptyHistogram(frame, widthMs)
  const asked = { from: ask.from, to: formatTime(Math.min(frame.to, LAST_MS)) }
  const tallies = new Tallies<BlockCounts>(bounds.index, `when ${widthMs} ${plan.normal}`, rangeOf(asked))
  const counting: Counting = { sql, tenantId, plan, bounds, asked, widthMs, together: 1, counts: new Map(), tallies }
  const searchedTo = await inTime(() => count(counting))
  const drawn = fitted(frame, widthMs * counting.together, counting.counts, ask)
  return {
    from: formatTime(drawn.frame.from),
    to: formatTime(drawn.frame.to),
    widthMs: drawn.widthMs,
    buckets: bucketsOf(drawn.frame, drawn.widthMs, drawn.counts),
    partial: searchedTo !== null,
    searchedBackTo: formatTime(searchedTo ?? bounds.from),
  }
}

type Counting = {
  sql: Sql
  tenantId: string
  plan: Plan
  bounds: LogBounds
  asked: Pick<Ask, 'from' | 'to'>
  widthMs: number
  /** So many neighbouring widths are counted as one. */
  together: number
  counts: Counts
  tallies: Tallies<BlockCounts>
}

/** Bar, outcome and how many, by turns: what one block came to. */
type BlockCounts = readonly number[]

/** The rarer outcomes: what is none of them is the first. */
const [USUAL, ...OTHERS] = OUTCOMES

/** Counts block by block. Returns null when all was counted, else since when everything recorded is. */
async function count(counting: Counting): Promise<number | null> {
  const { sql, tenantId, plan, bounds, asked, widthMs, tallies } = counting
  const deadline = performance.now() + BUDGET_MS
  const outcome = (name: Outcome): PlanNode => {
    const term = `outcome:${name}`
    return { kind: 'term', hash: hashTerm(tenantId, term), term }
  }
  const walk: Walk<BlockCounts> = {
    nodes: [plan.candidates, plan.certain, ...OTHERS.map(outcome)],
    range: rangeOf(asked),
    newestFirst: true,
    from: bounds.cold?.to ?? 0,
    to: bounds.size,
    times: widthMs % HOUR === 0 ? 'hours' : 'exact',
    known: (block) => tallies.of(block),
  }
  let read = 0
  for await (const { found, block, passed, reached } of bounds.index.walk(walk)) {
    for (const known of passed) addBlock(counting, known)
    const counted = found ? countBlock(counting, found) : []
    const doubtful = found ? split(found).doubtful : []
    addBlock(counting, counted)
    if (block !== null && doubtful.length === 0) tallies.note(block, counted, counted.length)
    read += doubtful.length
    await countDoubtful(counting, doubtful)
    if (reached > 0 && (read > MOST_DOUBTFUL || performance.now() > deadline))
      return timeAt(sql, tenantId, bounds, { at: reached, newestFirst: true })
  }
  return countCold(counting, deadline)
}

/** The same in the archive. */
async function countCold(counting: Counting, deadline: number): Promise<number | null> {
  const { plan, bounds, asked, widthMs } = counting
  if (!bounds.cold) return null
  const walk = {
    query: plan.query,
    range: rangeOf(asked),
    newestFirst: true,
    from: 0,
    to: bounds.cold.to,
    fetches: true,
  }
  for await (const { recordedAt, isLast, found } of bounds.cold.histogram(walk, widthMs)) {
    if (found === null) return recordedAt
    for (const { bucket, outcome, events } of found)
      add(counting.counts, Math.floor(bucket / counting.together), outcome, events)
    while (counting.counts.size > MOST_COUNTED) widen(counting)
    if (!isLast && performance.now() > deadline) return recordedAt
  }
  return null
}

/** Only where the frame grows anyway: between two bounds there are no more bars than were asked for. */
function widen(counting: Counting): void {
  const width = counting.widthMs * counting.together
  const factor = (WIDTHS.find((wider) => wider > width && wider % width === 0) ?? 2 * width) / width
  counting.together *= factor
  counting.counts = merged(counting.counts, factor)
}

function addBlock(counting: Counting, counted: BlockCounts): void {
  for (let at = 0; at < counted.length; at += 3) {
    const [bucket = 0, outcome = 0, events = 0] = [counted[at], counted[at + 1], counted[at + 2]]
    add(counting.counts, Math.floor(bucket / counting.together), OUTCOMES[outcome] ?? USUAL, events)
  }
  while (counting.counts.size > MOST_COUNTED) widen(counting)
}

function countBlock({ bounds, widthMs }: Counting, { block, sets }: BlockSets): BlockCounts {
  const [, certain, ...others] = sets
  if (!certain) return []
  const usual = certain.slice()
  const counted: { outcome: number; bits: Bits }[] = [{ outcome: 0, bits: usual }]
  others.forEach((bits, n) => {
    intersect(bits, certain)
    subtract(usual, bits)
    counted.push({ outcome: n + 1, bits })
  })
  const some = counted.filter(({ bits }) => !isEmpty(bits))
  if (some.length === 0) return []
  const byBar = new Map<number, number>()
  const inSets = some.map(({ bits }) => bits)
  countTimes(bounds.index.times.partsOf(block), block, inSets, widthMs, (bucket, set, events) => {
    const bar = bucket * OUTCOMES.length + (some[set]?.outcome ?? 0)
    byBar.set(bar, (byBar.get(bar) ?? 0) + events)
  })
  return [...byBar].flatMap(([bar, events]) => {
    const bucket = Math.floor(bar / OUTCOMES.length)
    return [bucket, bar - bucket * OUTCOMES.length, events]
  })
}

/** What the text decides, entry by entry. */
async function countDoubtful(
  { sql, tenantId, plan, bounds, asked, widthMs, together, counts }: Counting,
  indexes: readonly number[],
): Promise<void> {
  const range = rangeOf(asked)
  for (let at = 0; at < indexes.length; at += READ_AT_ONCE) {
    const some = await fetchEntries(sql, tenantId, bounds.index, indexes.slice(at, at + READ_AT_ONCE))
    for (const candidate of some) {
      if (!plan.matches(candidate) || !isWithin(candidate, range)) continue
      const { occurredAt, outcome } = candidate.entry
      add(counts, Math.floor(Date.parse(occurredAt) / (widthMs * together)), outcome, 1)
    }
  }
}

/** Events that were recorded late occurred before the log began: unless asked otherwise the frame grows, in wider buckets. */
function fitted(frame: Span, widthMs: number, counts: Counts, { from, buckets }: Asked) {
  const earliest = counts.keys().reduce((least, bucket) => Math.min(least, bucket), Number.POSITIVE_INFINITY) * widthMs
  if (from !== undefined || earliest >= frame.from) return { frame, widthMs, counts }
  const grown = { from: Math.max(FIRST_MS, earliest), to: frame.to }
  const enough = (width: number) => bucketCount(grown, width) <= buckets
  const wider = WIDTHS.find((width) => width % widthMs === 0 && enough(width))
  const factor = wider ? wider / widthMs : Math.ceil((bucketCount(grown, widthMs) + 1) / buckets)
  return { frame: grown, widthMs: widthMs * factor, counts: merged(counts, factor) }
}

function merged(counts: Counts, factor: number): Counts {
  const fewer: Counts = new Map()
  for (const [bucket, byOutcome] of counts) {
    for (const outcome of OUTCOMES) add(fewer, Math.floor(bucket / factor), outcome, byOutcome[outcome])
  }
  return fewer
}

/**
 * Without bounds of its own the histogram spans the log, and what clocks were ahead of it by a day at most: one device that
 * states the year 9999 must not make one bar of everything else.
 */
async function frameOf(
  sql: Sql,
  tenantId: string,
  { ask: { from, to }, bounds, now }: { ask: Ask; bounds: LogBounds | null; now: Date },
): Promise<Span> {
  const latest = to === undefined && bounds ? await latestOccurrence(sql, tenantId) : null
  const ahead = Math.max(latest ?? 0, to === undefined ? (bounds?.cold?.occurredTo ?? 0) : 0)
  const present = Math.max(now.getTime(), bounds?.to ?? 0)
  const end = to ? Date.parse(to) : Math.max(present, Math.min(ahead + 1, present + DAY))
  return { from: from ? Date.parse(from) : Math.min(bounds?.from ?? end, end), to: end }
}

function widthOf(frame: Span, buckets: number): number {
  const { from, to } = frame
  return (
    WIDTHS.find((width) => bucketCount(frame, width) <= buckets) ??
    Math.ceil((to - from + 1) / Math.max(1, buckets - 1))
  )
}

function bucketCount({ from, to }: Span, width: number): number {
  return Math.floor((to - 1) / width) - Math.floor(from / width) + 1
}

function emptyHistogram(frame: Span, widthMs: number): Histogram {
  const from = formatTime(frame.from)
  return { from, to: formatTime(frame.to), widthMs, buckets: [], partial: false, searchedBackTo: from }
}

function add(counts: Counts, bucket: number, outcome: Outcome, events: number): void {
  const entry = counts.get(bucket) ?? { allowed: 0, denied: 0, pending: 0, failed: 0 }
  entry[outcome] += events
  counts.set(bucket, entry)
}

function bucketsOf({ from, to }: Span, widthMs: number, counts: Counts): HistogramBucket[] {
  const buckets: HistogramBucket[] = []
  for (let bucket = Math.floor(from / widthMs); bucket * widthMs < to; bucket++) {
    const byOutcome = counts.get(bucket) ?? { allowed: 0, denied: 0, pending: 0, failed: 0 }
    const count = OUTCOMES.reduce((sum, outcome) => sum + byOutcome[outcome], 0)
    buckets.push({ start: formatTime(Math.max(bucket * widthMs, FIRST_MS)), count, ...byOutcome })
  }
  return buckets
}
