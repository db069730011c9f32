import { ACTOR_KINDS, ENFORCEMENTS, OUTCOMES } from './actions.ts'
import { formatRange, parseRange } from './address.ts'
import { tokensOf } from './words.ts'

/** The fields of the search language; a term without one looks at every text. */
export const QUERY_FIELDS = [
  'action',
  'outcome',
  'actor',
  'device',
  'target',
  'label',
  'ip',
  'policy',
  'source',
  'enforcement',
  'reason',
] as const
/** One of `QUERY_FIELDS`. */
export type QueryField = (typeof QUERY_FIELDS)[number]

/** One condition. `word` was typed bare, `phrase` in quotes, `prefix` bare with a star at its end (not part of `value`). */
export type QueryTerm = {
  readonly kind: 'term'
  readonly field?: QueryField
  readonly match: 'word' | 'phrase' | 'prefix'
  readonly value: string
}
/** A parsed query. `and` and `or` have at least two items and none of their own kind; `all` is the empty query. */
export type QueryNode =
  | { readonly kind: 'all' }
  | { readonly kind: 'and' | 'or'; readonly items: readonly QueryNode[] }
  | { readonly kind: 'not'; readonly item: QueryNode }
  | QueryTerm

/** What is wrong with a term's value: what was expected instead, in the words of the message. */
export type ValueProblem = { readonly expected: readonly string[] }

const BARE = /^[^\s()"*-][^\s()"*]*$/u
const WORDS_OF_LANGUAGE = new Set(['OR', 'AND'])

/** Writes a query in its one normal form; parsing that gives the same query. */
export function formatQuery(query: QueryNode): string {
  switch (query.kind) {
    case 'all':
      return ''
    case 'and':
      return query.items.map((item) => (item.kind === 'or' ? `(${formatQuery(item)})` : formatQuery(item))).join(' ')
    case 'or':
      return query.items.map(formatQuery).join(' OR ')
    case 'not':
      return isGroup(query.item) ? `-(${formatQuery(query.item)})` : `-${formatQuery(query.item)}`
    case 'term':
      return formatTerm(query)
  }
}

/** Whether a value can be written bare, without quotes. */
export function isBare(value: string, field: QueryField | undefined): boolean {
  if (field !== undefined) return /^[^\s()"*]+$/u.test(value)
  return BARE.test(value) && !WORDS_OF_LANGUAGE.has(value) && !/^[A-Za-z]+:/.test(value)
}

/** The conditions of a query, in the order in which they are written; those under a `not`, too. */
export function queryTerms(query: QueryNode): QueryTerm[] {
  switch (query.kind) {
    case 'all':
      return []
    case 'term':
      return [query]
    case 'not':
      return queryTerms(query.item)
    default:
      return query.items.flatMap(queryTerms)
  }
}

function isGroup(query: QueryNode): boolean {
  return query.kind === 'and' || query.kind === 'or'
}

function formatTerm({ field, match, value }: QueryTerm): string {
  const written =
    match === 'phrase' ? `"${value.replaceAll(/["\\]/g, '\\$&')}"` : match === 'prefix' ? `${value}*` : value
  return field === undefined ? written : `${field}:${written}`
}

/**
 * Checks a term's value against its field and brings it into normal form (lower-case actions, canonical addresses).
 * Returns the problem instead when the field cannot have such a value.
 */
export function normaliseTerm(term: QueryTerm): QueryTerm | ValueProblem {
  switch (term.field) {
    case 'outcome':
      return oneOf(term, OUTCOMES)
    case 'enforcement':
      return oneOf(term, ENFORCEMENTS)
    case 'action':
      return normaliseAction(term)
    case 'ip':
      return normaliseAddress(term)
    default:
      return tokensOf(term.value).length > 0 ? term : { expected: ['a letter or a digit'] }
  }
}

function oneOf(term: QueryTerm, allowed: readonly string[]): QueryTerm | ValueProblem {
  const value = term.value.toLowerCase()
  return term.match !== 'prefix' && allowed.includes(value) ? { ...term, match: 'word', value } : { expected: allowed }
}

function normaliseAction(term: QueryTerm): QueryTerm | ValueProblem {
  const value = term.value.toLowerCase()
  const form = term.match === 'prefix' ? /^[a-z][a-z0-9_.]*$/ : /^[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*$/
  if (!form.test(value)) return { expected: ['an action like file.view or device.wipe.*'] }
  return { ...term, match: term.match === 'prefix' ? 'prefix' : 'word', value }
}

function normaliseAddress(term: QueryTerm): QueryTerm | ValueProblem {
  const range = term.match === 'prefix' ? null : parseRange(term.value)
  if (range === null) return { expected: ['an address like 10.2.3.4', 'a range like 10.2.0.0/16'] }
  return { ...term, match: 'word', value: formatRange(range) }
}

/** Whether a bare `actor:` value names a kind of actor rather than a person. */
export function isActorKind(term: QueryTerm): boolean {
  return term.match === 'word' && ACTOR_KINDS.some((kind) => kind === term.value.toLowerCase())
}
