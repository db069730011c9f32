import type { SavedSearch } from '#server/audit/schema.ts'
import { parseColumns } from './_columns.ts'
import { type AuditParams, SPANS, type SpanName } from './search-params.ts'

/** The page's state as it is kept; `timeZone` is the one the reader has now. */
export function savedSearchOf(params: AuditParams, timeZone: string): SavedSearch {
  const { q, last, from, to, sort, cols } = params
  return {
    q,
    ...(last && { span: last }),
    ...(from && { from }),
    ...(to && { to }),
    order: sort === 'time' ? 'oldest' : 'newest',
    columns: cols ?? [],
    timeZone,
  }
}

/** The page's state that a view opens. */
export function paramsOfView({ q, span, from, to, order, columns }: SavedSearch): AuditParams {
  const cols = parseColumns(columns.join())
  return {
    q,
    sort: order === 'oldest' ? 'time' : '-time',
    ...(span !== undefined && span in SPANS && { last: span as SpanName }),
    ...(from && { from }),
    ...(to && { to }),
    ...(cols && { cols }),
  }
}
