import { formatQuery, type QueryNode, type QueryTerm } from '#protocol/audit/query.ts'
import { fold } from '#protocol/audit/words.ts'

/** The entries that searching itself writes: the text of each question stands in one. */
export const SEARCHES: QueryTerm = { kind: 'term', field: 'action', match: 'word', value: 'audit.search' }

/**
 * Whether a question leaves out the entries of searches. Each search for a word is an entry with that word: whoever looks for a
 * word would find those who looked for it, themselves first. So a question with words of no field does, unless it says which
 * actions it wants, or its words are the name of that action.
 */
export function leavesOutSearches(query: QueryNode): boolean {
  const words = wordsOf(query)
  return words.length > 0 && !asksForActions(query) && !words.some(isAboutSearching)
}

/** The question as it is looked for. */
export function withoutSearches(asked: QueryNode, looking: string, read: (q: string) => QueryNode): string {
  if (!leavesOutSearches(asked) || isFull(looking, asked)) return looking
  const query = read(looking)
  const rest: readonly QueryNode[] = query.kind === 'and' ? query.items : [query]
  return formatQuery({ kind: 'and', items: [...rest, { kind: 'not', item: SEARCHES }] })
}

/** The language takes 64 terms and 2,000 characters: a question that has nearly all of them is asked as it is. */
function isFull(looking: string, asked: QueryNode): boolean {
  return looking.length > 1_900 || wordsOf(asked).length > 50
}

/** Words of no field that an event may be found by; one that is ruled out finds nothing. */
function wordsOf(query: QueryNode): readonly QueryTerm[] {
  switch (query.kind) {
    case 'all':
    case 'not':
      return []
    case 'term':
      return query.field === undefined ? [query] : []
    default:
      return query.items.flatMap(wordsOf)
  }
}

function asksForActions(query: QueryNode): boolean {
  switch (query.kind) {
    case 'all':
      return false
    case 'not':
      return asksForActions(query.item)
    case 'term':
      return query.field === 'action'
    default:
      return query.items.some(asksForActions)
  }
}

function isAboutSearching({ value, match }: QueryTerm): boolean {
  const word = fold(value)
  return match === 'prefix'
    ? 'audit.search'.startsWith(word) || 'search'.startsWith(word)
    : /^(audit[. ])?search$/.test(word)
}
