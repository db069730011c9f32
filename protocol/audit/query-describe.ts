import { AUDIT_ACTIONS } from './actions.ts'
import { isActorKind, type QueryField, type QueryNode, type QueryTerm } from './query.ts'

/** How a condition is to be read: the words are the reader's language's. */
export type ConditionRelation = 'is' | 'about' | 'contains' | 'startsWith' | 'under' | 'within' | 'isKind'

/** A query as data for a sentence: `negated` stands on each condition or group it applies to. */
export type DescribedQuery =
  | { readonly kind: 'all' }
  | {
      readonly kind: 'and' | 'or'
      readonly negated: boolean
      readonly items: readonly DescribedQuery[]
    }
  | {
      readonly kind: 'condition'
      readonly negated: boolean
      readonly field: QueryField | 'text'
      readonly relation: ConditionRelation
      readonly value: string
      /** What the value is called, where the reader's labels know it: a person's name for an id. */
      readonly label?: string
    }

/** Gives the name of a value, such as a person's for an id or an action's in the reader's language. */
export type QueryLabels = (field: QueryField | 'text', value: string) => string | undefined

/** Turns a query into the data of a sentence that the interface writes in its own language. */
export function describeQuery(query: QueryNode, labels: QueryLabels): DescribedQuery {
  return sentenceOf(query, labels, false)
}

function sentenceOf(query: QueryNode, labels: QueryLabels, negated: boolean): DescribedQuery {
  switch (query.kind) {
    case 'all':
      return query
    case 'not':
      return sentenceOf(query.item, labels, !negated)
    case 'term':
      return conditionOf(query, labels, negated)
    default:
      return { kind: query.kind, negated, items: query.items.map((item) => sentenceOf(item, labels, false)) }
  }
}

function conditionOf(term: QueryTerm, labels: QueryLabels, negated: boolean): DescribedQuery {
  const { field, value } = term
  const label = labels(field ?? 'text', value)
  const named = label === undefined ? {} : { label }
  return { kind: 'condition', negated, field: field ?? 'text', relation: relationOf(term, label), value, ...named }
}

function relationOf(term: QueryTerm, label: string | undefined): ConditionRelation {
  if (term.match === 'prefix') return term.field === 'action' && term.value.endsWith('.') ? 'under' : 'startsWith'
  switch (term.field) {
    case 'action':
      return isBranch(term.value) ? 'under' : 'is'
    case 'ip':
      return term.value.includes('/') ? 'within' : 'is'
    case 'actor':
      return isActorKind(term) ? 'isKind' : label === undefined ? 'contains' : 'is'
    case 'device':
    case 'target':
      return label === undefined ? 'contains' : 'is'
    case 'reason':
      return 'contains'
    case undefined:
      // An id without a field: whatever belongs to what it names.
      return label === undefined ? 'contains' : 'about'
    default:
      return 'is'
  }
}

/** A noun, or an action with others below it: whoever asks for it finds those, too. */
function isBranch(action: string): boolean {
  return !action.includes('.') || AUDIT_ACTIONS.some((known) => known.startsWith(`${action.toLowerCase()}.`))
}
