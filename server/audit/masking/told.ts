import 'server-only'
import { isUuid } from '#lib/uuid.ts'
import { isActorKind, type QueryField, type QueryTerm, queryTerms } from '#protocol/audit/query.ts'
import { readQuery } from '../plan.ts'
import { isCode } from './pseudonyms.ts'
import { isWide } from './visible.ts'

/** What a question that somebody else wrote tells a masked reader: nothing, whom it is about by pseudonym, or what is hidden from them. */
export type Told = 'nothing' | 'pseudonyms' | 'hidden'

/** Whose values a masked reader sees in every event. */
const SHOWN_FIELDS: ReadonlySet<QueryField | undefined> = new Set<QueryField>([
  'action',
  'outcome',
  'label',
  'policy',
  'source',
  'enforcement',
])

/** By what stands in the question alone: a word may be a name, whatever it finds. `isOpen` knows the ids that lead to nobody hidden. */
export function toldBy(q: string, isOpen: (id: string) => boolean): Told {
  const told = queryTerms(readQuery(q)).map((term) => toldByTerm(term, isOpen))
  return told.find((each) => each === 'hidden') ?? told.find((each) => each === 'pseudonyms') ?? 'nothing'
}

function toldByTerm(term: QueryTerm, isOpen: (id: string) => boolean): Told {
  const { field, match, value } = term
  if (SHOWN_FIELDS.has(field) || (field === 'actor' && isActorKind(term))) return 'nothing'
  if (match === 'prefix') return 'hidden'
  if (isCode(value)) return 'pseudonyms'
  const id = value.toLowerCase()
  if (isUuid(id)) return isOpen(id) ? 'nothing' : 'hidden'
  return (field === 'ip' || field === undefined) && isWide(value) ? 'nothing' : 'hidden'
}
