import 'server-only'
import { formatTime } from '#lib/time.ts'
import { OUTCOMES, type Outcome } from '#protocol/audit/actions.ts'
import type { Sql } from '#server/kernel/db.ts'
import { type Plan, planOf } from './plan.ts'
import { boundsOf, type LogBounds, logBounds, monthsOf, type Span, spanOf } from './scan.ts'
import type { Ask, Histogram, HistogramBucket } from './schema.ts'
import { findPage, inTime, STATEMENT_MS } from './search.ts'

const BUDGET_MS = 1_000
/** Doubtful candidates are read one by one; beyond these the answer is partial. */
const MOST_DOUBTFUL = 5_000
/** Buckets of one month; a month with more is not whole. */
const MOST_ROWS = 20_000

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
type Asked = Ask & { buckets: number }

/** Matches over time by outcome, newest month first; says so when the time was not enough for all. */
export async function histogram(sql: Sql, tenantId: string, ask: Asked, now: Date): Promise<Histogram> {
  const plan = planOf(ask.q, tenantId)
  const bounds = await logBounds(sql, tenantId)
  const frame = frameOf(ask, bounds, now)
  const widthMs = widthOf(frame, ask.buckets)
  if (!bounds || frame.to <= frame.from) return emptyHistogram(frame, widthMs)
  const asked = { from: ask.from, to: formatTime(Math.min(frame.to, LAST_MS)) }
  const deadline = performance.now() + BUDGET_MS
  const counting: Counting = { sql, tenantId, plan, bounds, asked, widthMs, deadline, counts: new Map() }
  const certainTo = await countCertain(counting)
  const searchedTo = Math.max(certainTo, await countDoubtful(counting))
  const drawn = fitted(frame, widthMs, counting.counts, ask)
  return {
    from: formatTime(drawn.frame.from),
    to: formatTime(drawn.frame.to),
    widthMs: drawn.widthMs,
    buckets: bucketsOf(drawn.frame, drawn.widthMs, drawn.counts),
    partial: searchedTo > spanOf(bounds, asked).from,
    searchedBackTo: formatTime(searchedTo),
  }
}

type Counting = {
  sql: Sql
  tenantId: string
  plan: Plan
  bounds: LogBounds
  asked: Pick<Ask, 'from' | 'to'>
  widthMs: number
  deadline: number
  counts: Counts
}

/** What the index alone decides. Returns how far back it came. */
async function countCertain({ sql, plan, bounds, asked, widthMs, deadline, counts }: Counting): Promise<number> {
  const span = spanOf(bounds, asked)
  let searchedTo = span.to
  for (const month of monthsOf(span, true)) {
    if (searchedTo < span.to && performance.now() > deadline) break
    const isWhole = await inTime(sql, STATEMENT_MS, () =>
      addMonth(sql, { plan: plan.certain ?? plan.candidates, month, asked, widthMs }, counts),
    )
    if (!isWhole) break
    searchedTo = month.from
  }
  return searchedTo
}

/** What the text decides, entry by entry. Returns how far back it came. */
async function countDoubtful({
  sql,
  tenantId,
  plan,
  bounds,
  asked,
  widthMs,
  deadline,
  counts,
}: Counting): Promise<number> {
  if (plan.doubtful === null) return spanOf(bounds, asked).from
  const rest = { ...plan, candidates: plan.doubtful }
  const ask = { ...asked, order: 'newest' as const, limit: MOST_DOUBTFUL }
  const budgetMs = Math.max(0, deadline - performance.now())
  const found = await inTime(sql, STATEMENT_MS, () =>
    findPage(sql, { tenantId, plan: rest, ask, bounds, place: null, budgetMs }),
  )
  for (const { entry } of found.items) add(counts, Math.floor(Date.parse(entry.occurredAt) / widthMs), entry.outcome, 1)
  return found.next?.time ?? spanOf(bounds, asked).from
}

/** Events that were recorded late occurred before the log began: unless asked otherwise the frame grows, in wider buckets. */
function fitted(frame: Span, widthMs: number, counts: Counts, { from, buckets }: Asked) {
  const earliest = Math.min(...counts.keys()) * widthMs
  if (from !== undefined || earliest >= frame.from) return { frame, widthMs, counts }
  const grown = { from: Math.max(FIRST_MS, earliest), to: frame.to }
  const enough = (width: number) => bucketCount(grown, width) <= buckets
  const wider = WIDTHS.find((width) => width % widthMs === 0 && enough(width))
  const factor = wider ? wider / widthMs : Math.ceil((bucketCount(grown, widthMs) + 1) / buckets)
  const merged: Counts = new Map()
  for (const [bucket, byOutcome] of counts) {
    for (const outcome of OUTCOMES) add(merged, Math.floor(bucket / factor), outcome, byOutcome[outcome])
  }
  return { frame: grown, widthMs: widthMs * factor, counts: merged }
}

/**
 * Without bounds of its own the histogram spans the log, and what clocks were ahead of it by a day at most: one device that
 * states the year 9999 must not make one bar of everything else.
 */
function frameOf({ from, to }: Ask, bounds: LogBounds | null, now: Date): Span {
  const end = to ? Date.parse(to) : Math.max(now.getTime(), bounds?.to ?? 0) + Math.min(bounds?.aheadMs ?? 0, DAY)
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

type Month = { plan: string; month: Span; asked: Pick<Ask, 'from' | 'to'>; widthMs: number }

async function addMonth(sql: Sql, { plan, month, asked, widthMs }: Month, counts: Counts): Promise<boolean> {
  const rows = await sql<{ bucket: string; value: Outcome; events: string }>(
    `SELECT bucket::text, value, events::text
       FROM audit_aggregate($1::text::jsonb, $2::text::timestamptz, $3::text::timestamptz, $4::text::timestamptz, $5::text::timestamptz,
                            $6::text::bigint, 'outcome', ${MOST_ROWS})`,
    [plan, ...boundsOf(month, asked), String(widthMs)],
  )
  for (const { bucket, value, events } of rows) add(counts, Number(bucket), value, Number(events))
  return rows.length < MOST_ROWS
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
