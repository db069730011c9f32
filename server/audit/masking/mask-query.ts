import 'server-only'
import { isUuid } from '#lib/uuid.ts'
import { AUDIT_ACTIONS } from '#protocol/audit/actions.ts'
import { parseRange } from '#protocol/audit/address.ts'
import {
  formatQuery,
  isActorKind,
  isBare,
  type QueryField,
  type QueryNode,
  type QueryTerm,
  queryTerms,
} from '#protocol/audit/query.ts'
import { parseQuery, QueryError } from '#protocol/audit/query-parse.ts'
import { hasSequence, tokensOf } from '#protocol/audit/words.ts'
import { AppError } from '#server/kernel/errors.ts'
import { readQuery } from '../plan.ts'
import { codeIn } from './pseudonyms.ts'
import { isWide, OPEN_ACTORS, openTargetsQuery } from './visible.ts'

/** What the terms of a question stand for, looked up before it is rewritten. */
export type Known = {
  /** The people and devices behind a pseudonym. */
  idsOf: (code: string) => readonly string[]
  /** The id leads to nobody, or to somebody whose name is shown. */
  isOpen: (id: string) => boolean
}

type Node = QueryNode | { readonly kind: 'none' }

const ALL: Node = { kind: 'all' }
const NONE: Node = { kind: 'none' }
/** A question that nothing answers, in the language itself. */
const NOTHING = 'outcome:allowed outcome:denied'
const OPEN_TARGETS = parseQuery(openTargetsQuery())

/** The pseudonyms and ids that a question names. */
export function namedIn(q: string): { codes: string[]; ids: string[] } {
  const values = queryTerms(readQuery(q)).map(({ value }) => value)
  return {
    codes: [...new Set(values.flatMap((value) => codeIn(value) ?? []))],
    ids: [...new Set(values.map((value) => value.toLowerCase()).filter(isUuid))],
  }
}

/**
 * The question with only such conditions as a masked reader sees the answer to. It is rewritten and not filtered afterwards:
 * counts, figures over time and how long it takes then say nothing either. @throws AppError query_invalid
 */
export function maskQuery(q: string, known: Known): string {
  const masked = maskNode(readQuery(q), known)
  if (masked.kind === 'none') return NOTHING
  const text = formatQuery(masked)
  try {
    parseQuery(text)
    return text
  } catch (error) {
    if (!(error instanceof QueryError)) throw error
    const detail = 'While names are hidden, a question may have about six words: ask with fewer, or with fields.'
    throw new AppError('query_invalid', {
      detail,
      fields: { q: detail },
      extra: { column: 1, found: 'too many words', expected: ['about six words, or conditions such as label:x'] },
      cause: error,
    })
  }
}

/** The conditions that nobody answers to while names are hidden, as they are written: at most a program has such a name. */
export function unanswered(q: string, known: Known): string[] {
  const isName = (term: QueryTerm) =>
    term.field === 'actor' && !isActorKind(term) && !isId(term) && codeIn(term.value) === null
  return queryTerms(readQuery(q))
    .filter((term) => isName(term) || maskTerm(term, known).kind === 'none')
    .map(formatQuery)
}

function maskNode(query: QueryNode, known: Known): Node {
  switch (query.kind) {
    case 'all':
      return query
    case 'not':
      return not(maskNode(query.item, known))
    case 'term':
      return maskTerm(query, known)
    default:
      return (query.kind === 'and' ? and : or)(query.items.map((item) => maskNode(item, known)))
  }
}

function maskTerm(term: QueryTerm, known: Known): Node {
  switch (term.field) {
    case 'actor':
      return actorTerm(term, known)
    case 'device':
      return idTerm(term, ['device'], known)
    case 'target':
      return or([idTerm(term, ['target'], known), isId(term) ? NONE : and([term, OPEN_TARGETS])])
    case 'ip':
      return isWide(term.value) ? term : NONE
    case 'reason':
      return NONE
    case undefined:
      return freeTerm(term, known)
    default:
      return term
  }
}

function actorTerm(term: QueryTerm, known: Known): Node {
  if (isActorKind(term)) return term
  if (isId(term) || codeIn(term.value) !== null) return idTerm(term, ['actor'], known)
  return and([term, or(OPEN_ACTORS.map((kind) => condition('actor', kind)))])
}

function isId({ match, value }: QueryTerm): boolean {
  return match !== 'prefix' && isUuid(value.toLowerCase())
}

/** A pseudonym, or an id that leads to nobody. */
function idTerm(term: QueryTerm, fields: readonly QueryField[], { idsOf, isOpen }: Known): Node {
  const code = term.match === 'prefix' ? null : codeIn(term.value)
  const id = term.value.toLowerCase()
  const ids = code === null ? (isId(term) && isOpen(id) ? [id] : []) : idsOf(code)
  return or(ids.flatMap((one) => fields.map((field) => condition(field, one))))
}

/** A word is looked for in what is seen: labels, the names of files, and actions. */
function freeTerm(term: QueryTerm, known: Known): Node {
  const { match, value } = term
  if (match !== 'prefix' && codeIn(value) !== null) return idTerm(term, ['actor', 'target', 'device'], known)
  if (isId(term)) return known.isOpen(value.toLowerCase()) ? term : NONE
  const network = match !== 'prefix' && parseRange(value) && isWide(value) ? condition('ip', value) : NONE
  return or([network, ...labelTerms(term), and([{ ...term, field: 'target' }, OPEN_TARGETS]), ...actionTerms(term)])
}

function labelTerms({ match, value }: QueryTerm): Node[] {
  const whole: QueryTerm = { kind: 'term', field: 'label', match: isBare(value, 'label') ? 'word' : 'phrase', value }
  if (match === 'phrase' || whole.match === 'phrase') return [whole]
  return [{ ...whole, match: 'prefix' }]
}

/** The shortest paths that hold the words: all actions below them hold them, too. */
function actionTerms({ match, value }: QueryTerm): Node[] {
  const tokens = tokensOf(value)
  const paths = AUDIT_ACTIONS.flatMap((action) => {
    const steps = action.split('.').map((_, n, all) => all.slice(0, n + 1).join('.'))
    return steps.find((step) => hasSequence(step, tokens, match === 'prefix')) ?? []
  })
  const own = match !== 'phrase' && /^[a-z][a-z0-9_]*$/i.test(value) ? [value.toLowerCase()] : []
  const terms = [...new Set(paths)].map((path) => condition('action', path))
  const [custom] = own.map((noun): QueryTerm => ({ ...condition('action', noun), match }))
  return custom && !paths.includes(custom.value) ? [...terms, custom] : terms
}

function condition(field: QueryField, value: string): QueryTerm {
  return { kind: 'term', field, match: 'word', value }
}

function not(item: Node): Node {
  if (item.kind === 'none') return ALL
  if (item.kind === 'all') return NONE
  return item.kind === 'not' ? item.item : { kind: 'not', item }
}

function and(items: readonly Node[]): Node {
  return joined('and', items, NONE, ALL)
}

function or(items: readonly Node[]): Node {
  return joined('or', items, ALL, NONE)
}

function joined(kind: 'and' | 'or', items: readonly Node[], absorbing: Node, neutral: Node): Node {
  if (items.some((item) => item.kind === absorbing.kind)) return absorbing
  // What is left holds no `none`: it is either the one or the other.
  const rest = items.filter((item): item is QueryNode => item.kind !== neutral.kind && item.kind !== 'none')
  const flat = rest.flatMap((item) => (item.kind === kind ? item.items : [item]))
  const [only] = flat
  if (only === undefined) return neutral
  return flat.length === 1 ? only : { kind, items: flat }
}
