import { listHref } from '#components/table/list-url.ts'
import type { PageParams } from '#lib/search-params.ts'
import { parseRfc3339 } from '#lib/time.ts'
import { type ColumnName, formatColumns, parseColumns } from './_columns.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** The spans on offer, in milliseconds back from now. */
export const SPANS = { '1h': HOUR_MS, '24h': DAY_MS, '7d': 7 * DAY_MS, '30d': 30 * DAY_MS, '90d': 90 * DAY_MS } as const
export type SpanName = keyof typeof SPANS

/** The URL state of the log: what is asked, when, in which order, and which columns are shown. */
export type AuditParams = {
  q: string
  last?: SpanName
  from?: string
  to?: string
  sort: 'time' | '-time'
  /** Only where they are not the usual ones. */
  cols?: readonly ColumnName[]
  /** What was given as the event of “What happened around?” and is none; said at its field and in no other address. */
  around?: string
  /** Times that cannot be read: nothing is searched until they are gone. */
  wrong?: readonly WrongTime[]
}

/** `order`: it can be read, but the time would end before it begins, and finding nothing would pass for an answer. */
export type WrongTime = { name: 'from' | 'to' | 'last'; value: string; problem: 'time' | 'span' | 'order' }

/**
 * Reads the URL. Mistakes that would change what is searched are kept, to be shown: `q` as it is, times in `wrong`. What changes only
 * how it looks is left out where it does not fit.
 */
export function auditParams(params: PageParams): AuditParams {
  const one = (name: string) => {
    const value = params[name]
    return (Array.isArray(value) ? value[0] : value)?.trim() || undefined
  }
  const [last, cols, around] = [one('last'), parseColumns(one('cols')), one('around')]
  const [from, until] = [timeOf(one('from')), timeOf(one('to'))]
  const isBackwards = from !== undefined && until !== undefined && from >= until
  const to = isBackwards ? undefined : until
  const wrong = (['from', 'to', 'last'] as const).flatMap((name): WrongTime[] => {
    const value = one(name)
    if (value === undefined) return []
    if (name === 'last') return Object.hasOwn(SPANS, value) ? [] : [{ name, value, problem: 'span' }]
    if (timeOf(value) === undefined) return [{ name, value, problem: 'time' }]
    return name === 'to' && isBackwards ? [{ name, value, problem: 'order' }] : []
  })
  return {
    q: one('q') ?? '',
    sort: one('sort') === 'time' ? 'time' : '-time',
    ...(from || to
      ? { ...(from && { from }), ...(to && { to }) }
      : last !== undefined && Object.hasOwn(SPANS, last)
        ? { last: last as SpanName }
        : {}),
    ...(cols && { cols }),
    ...(around && { around }),
    ...(wrong.length > 0 && { wrong }),
  }
}

function timeOf(text: string | undefined): string | undefined {
  const time = text === undefined ? null : parseRfc3339(text)
  return time?.toISOString()
}

const SAME_SEARCH_MS = 600_000

/** The range that is asked. A span that ends now begins on a round ten minutes: a page drawn again is the same search. */
export function rangeOf({ last, from, to }: AuditParams, now: Date): { from?: string; to?: string } {
  if (!last) return { ...(from && { from }), ...(to && { to }) }
  const start = Math.floor((now.getTime() - SPANS[last]) / SAME_SEARCH_MS) * SAME_SEARCH_MS
  return { from: new Date(start).toISOString() }
}

/** A permalink stays the same search: a span that ends now becomes the times it means at this moment, and what is open ends now. */
export function withFixedTimes(params: AuditParams, now: Date): AuditParams {
  const { last: _, ...rest } = params
  return { ...rest, ...rangeOf(params, now), to: params.to ?? now.toISOString() }
}

type Changes = { [name in Exclude<keyof AuditParams, 'cols' | 'wrong' | 'around'>]?: string | null } & {
  cols?: readonly ColumnName[] | null
}

/** The log's address with some parts changed. */
export function auditHref(params: AuditParams, { cols: newCols, ...changes }: Changes = {}, path = '/audit'): string {
  const { q, sort, last, from, to } = params
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries({ q, last, from, to })) if (value) query.set(name, value)
  if (sort === 'time') query.set('sort', sort)
  const cols = formatColumns(newCols === undefined ? params.cols : newCols)
  if (cols) query.set('cols', cols)
  return listHref(path, query, changes)
}

/** The same search with the question about an event open, which what was given for it is not. */
export function notAroundHref(params: AuditParams, given: string): string {
  const href = auditHref(params)
  return `${href}${href.includes('?') ? '&' : '?'}${new URLSearchParams({ around: given.slice(0, 200) })}`
}

/** One event beside the list that it was opened from; also its permalink. */
export function eventHref(params: AuditParams, eventId: string): string {
  return auditHref(params, {}, `/audit/${eventId}`)
}
