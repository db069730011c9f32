/**
 * From a query to conditions over the index of terms (terms.ts).
 *
 * The index cannot decide everything, so a plan has two bounds. `candidates` holds for every entry that matches, and perhaps
 * for more: the index drives with it, and `matchesQuery` rechecks what it finds. `certain` holds only for entries that
 * match: they need no recheck, so that counts and histograms read the text of the difference alone. Negation swaps the
 * two, which keeps `-"two words"` complete. Where both are the same plan, `exact` is true and nothing is rechecked (two words
 * share a hash with a probability of 2⁻⁵²; rows that are shown are rechecked all the same).
 */
import { formatRange, indexedRangeAround } from './address.ts'
import type { QueryNode } from './query.ts'
import { type EntryTest, testOf } from './query-match.ts'
import { addressTerm, gramTerm, hashTerm, OVERFLOW_TERM, TEXT_SCOPES, wordTerm } from './terms.ts'
import { gramsOf, isSingle, narrowestUnits } from './words.ts'

/** A condition on an entry's hashed terms. `and` and `or` have at least two items; `term` is there for people to read. */
export type PlanNode =
  | { readonly kind: 'all' }
  | { readonly kind: 'none' }
  | { readonly kind: 'term'; readonly hash: number; readonly term: string }
  | { readonly kind: 'and' | 'or'; readonly items: readonly PlanNode[] }
  | { readonly kind: 'not'; readonly item: PlanNode }

/** The two bounds of a query; see above. */
export type QueryPlan = { readonly candidates: PlanNode; readonly certain: PlanNode; readonly exact: boolean }

type Bounds = Pick<QueryPlan, 'candidates' | 'certain'>

const ALL: PlanNode = { kind: 'all' }
const NONE: PlanNode = { kind: 'none' }

/** Plans a query over the index of one tenant. */
export function queryPlan(query: QueryNode, tenantId: string): QueryPlan {
  const bounds = planNode(query, (term) => ({ kind: 'term', hash: hashTerm(tenantId, term), term }))
  return { ...bounds, exact: sameNode(bounds.candidates, bounds.certain) }
}

type Leaf = (term: string) => PlanNode

function planNode(query: QueryNode, leaf: Leaf): Bounds {
  switch (query.kind) {
    case 'all':
      return same(ALL)
    case 'not': {
      const { candidates, certain } = planNode(query.item, leaf)
      return { candidates: not(certain), certain: not(candidates) }
    }
    case 'term':
      return planTest(testOf(query), leaf)
    default: {
      const join = query.kind === 'and' ? and : or
      return combine(
        join,
        query.items.map((item) => planNode(item, leaf)),
      )
    }
  }
}

function planTest(test: EntryTest, leaf: Leaf): Bounds {
  switch (test.kind) {
    case 'key':
      return same(leaf(test.key))
    case 'keyPrefix':
      return { candidates: test.narrowed === undefined ? ALL : planTest(test.narrowed, leaf).candidates, certain: NONE }
    case 'range': {
      const around = indexedRangeAround(test.range)
      if (around === null) return { candidates: ALL, certain: NONE }
      const node = leaf(addressTerm(around))
      return formatRange(around) === formatRange(test.range) ? same(node) : { candidates: node, certain: NONE }
    }
    case 'sequence':
      return planSequence(test, leaf)
    case 'any':
      return combine(
        or,
        test.tests.map((item) => planTest(item, leaf)),
      )
  }
}

function planSequence(test: Extract<EntryTest, { kind: 'sequence' }>, leaf: Leaf): Bounds {
  const { scopes, tokens } = test
  const last = tokens.at(-1) ?? ''
  const begun = test.prefix && !isSingle(last)
  const units = narrowestUnits(begun ? tokens.slice(0, -1) : tokens)
  const inScope = or(scopes.map((scope) => and(units.map((unit) => leaf(wordTerm(scope, unit))))))
  const [gram] = begun ? gramsOf(last) : []
  const indexed = and([inScope, gram === undefined ? ALL : leaf(gramTerm(gram))])
  const decided = begun
    ? tokens.length === 1 && gram === last && scopes.length === TEXT_SCOPES.length
    : units.length === 1
  return { candidates: or([indexed, leaf(OVERFLOW_TERM)]), certain: decided ? indexed : NONE }
}

function combine(join: (items: readonly PlanNode[]) => PlanNode, bounds: readonly Bounds[]): Bounds {
  return {
    candidates: join(bounds.map(({ candidates }) => candidates)),
    certain: join(bounds.map(({ certain }) => certain)),
  }
}

function same(node: PlanNode): Bounds {
  return { candidates: node, certain: node }
}

function and(items: readonly PlanNode[]): PlanNode {
  return joined('and', items, NONE, ALL)
}

function or(items: readonly PlanNode[]): PlanNode {
  return joined('or', items, ALL, NONE)
}

function joined(kind: 'and' | 'or', items: readonly PlanNode[], absorbing: PlanNode, neutral: PlanNode): PlanNode {
  const flat = items.flatMap((item) => (item.kind === kind ? item.items : [item]))
  if (flat.some((item) => item.kind === absorbing.kind)) return absorbing
  const rest: PlanNode[] = []
  for (const item of flat) {
    if (item.kind !== neutral.kind && !rest.some((known) => sameNode(known, item))) rest.push(item)
  }
  const [only] = rest
  if (only === undefined) return neutral
  return rest.length === 1 ? only : { kind, items: rest }
}

function not(node: PlanNode): PlanNode {
  if (node.kind === 'all') return NONE
  if (node.kind === 'none') return ALL
  return node.kind === 'not' ? node.item : { kind: 'not', item: node }
}

function sameNode(a: PlanNode, b: PlanNode): boolean {
  if (a === b) return true
  if (a.kind === 'term') return b.kind === 'term' && a.hash === b.hash
  if (a.kind === 'not') return b.kind === 'not' && sameNode(a.item, b.item)
  if (a.kind === 'and' || a.kind === 'or') {
    return (
      b.kind === a.kind && a.items.length === b.items.length && a.items.every((item, i) => sameItem(item, b.items[i]))
    )
  }
  return a.kind === b.kind
}

function sameItem(a: PlanNode, b: PlanNode | undefined): boolean {
  return b !== undefined && sameNode(a, b)
}
