import { isUuid } from '#lib/uuid.ts'
import { type AddressRange, containsRange, parseRange } from './address.ts'
import type { AuditEntry } from './entry.ts'
import type { PersonalValues } from './personal.ts'
import { isActorKind, type QueryNode, type QueryTerm } from './query.ts'
import { addressOf, keysOf, TEXT_SCOPES, type TextScope, textsOf } from './terms.ts'
import { fold, hasSequence, tokensOf } from './words.ts'

/**
 * What a term asks of an entry, in the index's terms. `keyPrefix` is narrowed by another test that every match passes;
 * `sequence` are tokens one after the other in one text of the scopes.
 */
export type EntryTest =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'keyPrefix'; readonly prefix: string; readonly narrowed?: EntryTest }
  | {
      readonly kind: 'sequence'
      readonly scopes: readonly TextScope[]
      readonly tokens: readonly string[]
      readonly prefix: boolean
    }
  | { readonly kind: 'range'; readonly range: AddressRange }
  | { readonly kind: 'any'; readonly tests: readonly EntryTest[] }

/** The meaning of a term; the planner and the recheck both start from it, so that they cannot disagree. */
export function testOf(term: QueryTerm): EntryTest {
  const { field, match, value } = term
  switch (field) {
    case 'outcome':
    case 'enforcement':
      return key(`${field}:${value}`)
    case 'action':
    case 'source':
      return pathTest(term)
    case 'label':
      return match === 'prefix' ? labelPrefix(value) : key(`label:${fold(value)}`)
    case 'policy':
      return policyTest(term)
    case 'ip':
      return rangeTest(value) ?? sequence(term, TEXT_SCOPES)
    case 'actor':
      return isActorKind(term) ? key(`actor.kind:${value.toLowerCase()}`) : idOrWords(term, 'actor')
    case 'device':
    case 'target':
      return idOrWords(term, field)
    case 'reason':
      return sequence(term, ['reason'])
    case undefined:
      return freeTest(term)
  }
}

/** Whether an entry matches a query: the authority that candidates from the index are rechecked with. */
export function matchesQuery(query: QueryNode, entry: AuditEntry, personal: PersonalValues | undefined): boolean {
  return holds(query, new Facts(entry, personal))
}

/** What an entry is compared by, worked out when it is first asked for: most queries ask for a part, several times. */
class Facts {
  readonly #entry: AuditEntry
  readonly #personal: PersonalValues | undefined
  #keys: readonly string[] | undefined
  #texts: ReturnType<typeof textsOf> | undefined

  constructor(entry: AuditEntry, personal: PersonalValues | undefined) {
    this.#entry = entry
    this.#personal = personal
  }

  get keys(): readonly string[] {
    this.#keys ??= keysOf(this.#entry, this.#personal)
    return this.#keys
  }

  get texts(): ReturnType<typeof textsOf> {
    this.#texts ??= textsOf(this.#entry, this.#personal)
    return this.#texts
  }

  get address(): AddressRange | null {
    return addressOf(this.#personal)
  }
}

function holds(query: QueryNode, facts: Facts): boolean {
  switch (query.kind) {
    case 'all':
      return true
    case 'and':
      return query.items.every((item) => holds(item, facts))
    case 'or':
      return query.items.some((item) => holds(item, facts))
    case 'not':
      return !holds(query.item, facts)
    case 'term':
      return passes(knownTestOf(query), facts)
  }
}

/** A query is asked of one entry after the other. */
const knownTests = new WeakMap<QueryTerm, EntryTest>()

function knownTestOf(term: QueryTerm): EntryTest {
  const known = knownTests.get(term)
  if (known) return known
  const test = testOf(term)
  knownTests.set(term, test)
  return test
}

function passes(test: EntryTest, facts: Facts): boolean {
  switch (test.kind) {
    case 'key':
      return facts.keys.includes(test.key)
    case 'keyPrefix':
      return facts.keys.some((candidate) => candidate.startsWith(test.prefix))
    case 'sequence':
      return facts.texts.some(
        ([scope, text]) => test.scopes.includes(scope) && hasSequence(text, test.tokens, test.prefix),
      )
    case 'range': {
      const { address } = facts
      return address !== null && containsRange(test.range, address)
    }
    case 'any':
      return test.tests.some((item) => passes(item, facts))
  }
}

function key(name: string): EntryTest {
  return { kind: 'key', key: name }
}

function sequence({ match, value }: QueryTerm, scopes: readonly TextScope[]): EntryTest {
  return { kind: 'sequence', scopes, tokens: tokensOf(value), prefix: match === 'prefix' }
}

/** Actions and sources are paths: whoever names a branch means all below it. */
function pathTest({ field, match, value }: QueryTerm): EntryTest {
  const separator = field === 'action' ? '.' : ':'
  const path = `${field}:${fold(value)}`
  if (match !== 'prefix') return key(path)
  if (path.endsWith(separator) && fold(value).length > 1) return key(path.slice(0, -1))
  const branch = fold(value).lastIndexOf(separator)
  if (branch <= 0) return { kind: 'keyPrefix', prefix: path }
  return { kind: 'keyPrefix', prefix: path, narrowed: key(`${field}:${fold(value).slice(0, branch)}`) }
}

function labelPrefix(value: string): EntryTest {
  const narrowed: EntryTest = { kind: 'sequence', scopes: ['other'], tokens: tokensOf(value), prefix: true }
  return { kind: 'keyPrefix', prefix: `label:${fold(value)}`, narrowed }
}

function policyTest({ match, value }: QueryTerm): EntryTest {
  if (match === 'prefix') return { kind: 'keyPrefix', prefix: `policy.rule:${fold(value)}` }
  return isUuid(value.toLowerCase()) ? key(`policy:${value.toLowerCase()}`) : key(`policy.rule:${fold(value)}`)
}

function idOrWords(term: QueryTerm, scope: 'actor' | 'device' | 'target'): EntryTest {
  const id = term.value.toLowerCase()
  return term.match !== 'prefix' && isUuid(id) ? key(`${scope}:${id}`) : sequence(term, [scope])
}

function rangeTest(value: string): EntryTest | null {
  const range = parseRange(value)
  return range === null ? null : { kind: 'range', range }
}

/** A pasted id or address is looked up as such and as text. */
function freeTest(term: QueryTerm): EntryTest {
  const words = sequence(term, TEXT_SCOPES)
  if (term.match === 'prefix') return words
  const id = term.value.toLowerCase()
  if (isUuid(id)) {
    const ids = ['actor', 'device', 'target', 'policy', 'id', 'own'].map((name) => key(`${name}:${id}`))
    return { kind: 'any', tests: [...ids, words] }
  }
  const range = rangeTest(term.value)
  return range === null ? words : { kind: 'any', tests: [range, words] }
}
