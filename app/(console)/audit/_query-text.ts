import {
  formatQuery,
  isBare,
  normaliseTerm,
  type QueryField,
  type QueryNode,
  type QueryTerm,
} from '#protocol/audit/query.ts'
import { parseQuery } from '#protocol/audit/query-parse.ts'

/** A condition as it is written; a value that cannot stand bare is quoted, `device.wipe.*` keeps its star. */
export function condition(field: QueryField | undefined, value: string): QueryTerm {
  const bare = value.endsWith('*') ? value.slice(0, -1) : value
  if (!isBare(bare, field)) return { kind: 'term', match: 'phrase', value, ...(field && { field }) }
  return { kind: 'term', match: bare === value ? 'word' : 'prefix', value: bare, ...(field && { field }) }
}

/** The query narrowed by one more condition; a query that cannot be read yet is kept as it stands. */
export function narrowed(q: string, term: QueryNode): string {
  const query = read(q)
  if (!query) return `${q} ${formatQuery(term)}`
  if (query.kind === 'all') return formatQuery(term)
  const items = query.kind === 'and' ? query.items : [query]
  return formatQuery({ kind: 'and', items: [...items, ...(term.kind === 'and' ? term.items : [term])] })
}

/** Whether the whole query asks for this condition. */
export function asksFor(q: string, term: QueryTerm): boolean {
  return conditionsOf(q).some((item) => sameTerm(item, term))
}

/** The query without the condition. */
export function without(q: string, term: QueryTerm): string {
  const [first, ...rest] = conditionsOf(q).filter((item) => !sameTerm(item, term))
  if (!first) return ''
  return formatQuery(rest.length > 0 ? { kind: 'and', items: [first, ...rest] } : first)
}

function conditionsOf(q: string): readonly QueryNode[] {
  const query = read(q)
  if (!query || query.kind === 'all') return []
  return query.kind === 'and' ? query.items : [query]
}

function sameTerm(item: QueryNode, term: QueryTerm): boolean {
  const normal = normaliseTerm(term)
  return item.kind === 'term' && 'kind' in normal && formatQuery(item) === formatQuery(normal)
}

function read(q: string): QueryNode | null {
  try {
    return parseQuery(q)
  } catch {
    // The page says what is wrong with it.
    return null
  }
}
