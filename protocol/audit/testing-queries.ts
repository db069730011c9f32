/** Arbitrary queries for property tests; imported by tests only. */
import fc from 'fast-check'
import { isBare, normaliseTerm, QUERY_FIELDS, type QueryNode, type QueryTerm } from './query.ts'

const VALUES = [
  'lin',
  'li',
  'Wei',
  'l',
  'quar',
  '王',
  '小明',
  '王小',
  'zoé',
  'report.pdf',
  '10.2.3.4',
  'file',
  'con',
  '2026',
  'σας',
  'stra',
  'lin lin',
  '小小小',
]
const value = fc.oneof(fc.constantFrom(...VALUES), fc.string({ maxLength: 8 }))
const anyTerm: fc.Arbitrary<QueryTerm> = fc
  .record({
    field: fc.option(fc.constantFrom(...QUERY_FIELDS), { nil: undefined }),
    match: fc.constantFrom('word', 'phrase', 'prefix'),
    value: fc.oneof(
      value,
      fc.constantFrom(
        'file.view',
        'device.wipe.',
        'allowed',
        'none',
        'person',
        'app:',
        'app:hr',
        '10.0.0.0/9',
        '10.2.0.0/16',
        'fe80::/20',
      ),
    ),
  })
  .map(
    ({ field, match, value }): QueryTerm =>
      field === undefined ? { kind: 'term', match, value } : { kind: 'term', field, match, value },
  )
const terms: fc.Arbitrary<QueryTerm> = anyTerm
  .filter(({ field, match, value }) => match === 'phrase' || isBare(value, field))
  .map((term) => ({ ...term, value: term.value.normalize('NFC') }))
  .filter(({ value }) => !/[\p{Cs}]|[^\P{Cc}\t\n\r]/u.test(value))
  .chain((term) => {
    const checked = normaliseTerm(term)
    return 'kind' in checked
      ? fc.constant(checked)
      : fc.constant<QueryTerm>({ kind: 'term', match: 'word', value: 'lin' })
  })

function groupOf(kind: 'and' | 'or', items: readonly QueryNode[]): QueryNode {
  return { kind, items: items.flatMap((item) => (item.kind === kind ? item.items : [item])) }
}

/** Queries of every kind, in normal form, whose words are those of `drafts` now and then. */
export const { query: queries } = fc.letrec<{ query: QueryNode }>((tie) => ({
  query: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    terms,
    tie('query').map((item): QueryNode => ({ kind: 'not', item })),
    fc.array(tie('query'), { minLength: 2, maxLength: 3 }).map((items) => groupOf('and', items)),
    fc.array(tie('query'), { minLength: 2, maxLength: 3 }).map((items) => groupOf('or', items)),
  ),
}))
