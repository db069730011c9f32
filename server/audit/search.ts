import 'server-only'
import { formatTime } from '#lib/time.ts'
import type { Sql } from '#server/kernel/db.ts'
import { AppError, errorCodeOf } from '#server/kernel/errors.ts'
import { type Plan, planOf } from './plan.ts'
import { boundsOf, type Candidate, type LogBounds, logBounds, monthsOf, type Span, scanMonth, spanOf } from './scan.ts'
import { type Ask, type SearchResult, TOTAL_CAP, type Total } from './schema.ts'
import { viewEvent } from './view.ts'

/** A page gives up after this and says how far it came; the cursor goes on from there. */
const PAGE_BUDGET_MS = 2_000
/** One month at once, at most. */
export const STATEMENT_MS = 8_000
/** Counting stops sooner: a total is not worth a wait. */
const COUNT_BUDGET_MS = 300

type Page = { order: 'newest' | 'oldest'; cursor?: string | undefined; limit: number }
type Place = { after: number | null; time: number }

export type Found = { items: Candidate[]; next: Place | null; searchedTo: number | null }

/** One page of a search and its total. @throws AppError query_invalid · invalid · unavailable */
export async function search(sql: Sql, tenantId: string, ask: Ask & Page): Promise<SearchResult> {
  const plan = planOf(ask.q, tenantId)
  const place = ask.cursor === undefined ? null : readCursor(ask.cursor, ask.order)
  const bounds = await logBounds(sql, tenantId)
  if (!bounds) return { items: [], nextCursor: null, searchedBackTo: null, total: { value: 0, capped: false } }
  const found = await inTime(sql, STATEMENT_MS, () =>
    findPage(sql, { tenantId, plan, ask, bounds, place, budgetMs: PAGE_BUDGET_MS }),
  )
  const whole = place === null && found.next === null
  const total = whole
    ? { value: found.items.length, capped: false }
    : await inTime(sql, STATEMENT_MS, () => countMatches(sql, { tenantId, plan, ask, bounds }))
  return {
    items: found.items.map(viewEvent),
    nextCursor: found.next && formatCursor(found.next, ask.order),
    searchedBackTo: found.searchedTo === null ? null : formatTime(found.searchedTo),
    total,
  }
}

export type PageScan = {
  tenantId: string
  plan: Plan
  ask: Pick<Ask, 'from' | 'to'> & Pick<Page, 'order' | 'limit'>
  bounds: LogBounds
  place: Place | null
  budgetMs: number
}

/** Matches in the order of the log, month by month, until there are enough, the log ends or the time is over. */
export async function findPage(sql: Sql, { tenantId, plan, ask, bounds, place, budgetMs }: PageScan): Promise<Found> {
  const newestFirst = ask.order === 'newest'
  const span = spanFrom(spanOf(bounds, ask), place, newestFirst)
  const deadline = performance.now() + budgetMs
  const items: Candidate[] = []
  let after = place?.after ?? null
  for (const month of monthsOf(span, newestFirst)) {
    for (;;) {
      const missing = ask.limit + 1 - items.length
      // Some of the candidates will not match: fewer, larger steps.
      const wanted = plan.certain === null ? missing : Math.max(200, 2 * missing)
      const scanned = await scanMonth(sql, {
        tenantId,
        plan: plan.candidates,
        span: month,
        ask,
        after,
        newestFirst,
        wanted,
      })
      items.push(...scanned.filter(plan.matches))
      after = scanned.at(-1)?.index ?? after
      if (items.length > ask.limit) return fullPage(items, ask.limit)
      // Fewer than asked for: the month has no more.
      if (scanned.length < wanted) break
      if (performance.now() > deadline)
        return unfinished(items, { after, time: scanned.at(-1)?.recordedAt.getTime() ?? month.from })
    }
    const edge = newestFirst ? month.from : month.to
    const isLast = newestFirst ? edge <= span.from : edge >= span.to
    if (!isLast && performance.now() > deadline)
      return unfinished(items, { after, time: newestFirst ? edge - 1 : edge })
  }
  return { items, next: null, searchedTo: newestFirst ? span.from : span.to - 1 }
}

/** What lies beyond the place where the last page ended. Its own moment may hold more. */
function spanFrom(span: Span, place: Place | null, newestFirst: boolean): Span {
  if (!place) return span
  return newestFirst
    ? { ...span, to: Math.min(span.to, place.time + 1) }
    : { ...span, from: Math.max(span.from, place.time) }
}

function fullPage(items: Candidate[], limit: number): Found {
  const page = items.slice(0, limit)
  const last = page.at(-1)
  if (!last) throw new Error('a full page has a last row')
  const time = last.recordedAt.getTime()
  return { items: page, next: { after: last.index, time }, searchedTo: time }
}

function unfinished(items: Candidate[], place: Place): Found {
  return { items, next: place, searchedTo: place.time }
}

type Count = Pick<PageScan, 'tenantId' | 'plan' | 'bounds'> & { ask: Pick<Ask, 'from' | 'to'> }

/** How many match, counted up to the cap and for a moment; `capped` means "at least". */
export async function countMatches(sql: Sql, { tenantId, plan, ask, bounds }: Count): Promise<Total> {
  const deadline = performance.now() + COUNT_BUDGET_MS
  const span = spanOf(bounds, ask)
  const months = monthsOf(span, true)
  let value = 0
  for (const month of months) {
    value += await countMonth(sql, plan.certain ?? plan.candidates, month, ask)
    if (value > TOTAL_CAP) return { value: TOTAL_CAP, capped: true }
    if (performance.now() > deadline && month !== months.at(-1)) return { value, capped: true }
  }
  if (plan.doubtful === null) return { value, capped: false }
  // The text decides about the rest.
  const rest = { ...plan, candidates: plan.doubtful }
  const limit = TOTAL_CAP - value
  const budgetMs = deadline - performance.now()
  const found = await findPage(sql, {
    tenantId,
    plan: rest,
    ask: { ...ask, order: 'newest', limit },
    bounds,
    place: null,
    budgetMs,
  })
  return { value: value + found.items.length, capped: found.next !== null }
}

async function countMonth(sql: Sql, plan: string, month: Span, ask: Pick<Ask, 'from' | 'to'>): Promise<number> {
  const [row] = await sql<{ count: number }>(
    `SELECT audit_count($1::text::jsonb, $2::text::timestamptz, $3::text::timestamptz, $4::text::timestamptz, $5::text::timestamptz, $6::integer) AS count`,
    [plan, ...boundsOf(month, ask), TOTAL_CAP + 1],
  )
  return row?.count ?? 0
}

/** Each statement inside may take `limitMs`: one that runs into it is no bug, the question is too wide. */
export async function inTime<T>(sql: Sql, limitMs: number, run: () => Promise<T>): Promise<T> {
  try {
    await sql(`SELECT set_config('statement_timeout', $1::text, true)`, [String(limitMs)])
    return await run()
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
