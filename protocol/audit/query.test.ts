import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import { buildEntry, type EntryDraft } from './entry.ts'
import { formatQuery } from './query.ts'
import { describeQuery } from './query-describe.ts'
import { matchesQuery } from './query-match.ts'
import { parseQuery, QueryError } from './query-parse.ts'
import { type PlanNode, queryPlan } from './query-plan.ts'
import { TermCollector } from './term-collector.ts'
import { hashTerm, OVERFLOW_TERM, termsOf } from './terms.ts'
import { drafts } from './testing-arbitraries.ts'
import { queries } from './testing-queries.ts'

const TENANT = uuidv7()

describe('parsing', () => {
  test.each([
    ['', ''],
    ['  lin  wei ', 'lin wei'],
    ['a b OR c', 'a b OR c'],
    ['(a OR b) c', '(a OR b) c'],
    ['a AND b', 'a b'],
    ['((a))', 'a'],
    ['-(a b) -c', '-(a b) -c'],
    ['Outcome:DENIED', 'outcome:denied'],
    ['action:Device.Wipe.*', 'action:device.wipe.*'],
    ['ip:10.2.3.4/16', 'ip:10.2.0.0/16'],
    ['ip:::ffff:10.2.3.4', 'ip:10.2.3.4'],
    ['ip:FE80:0::1', 'ip:fe80::1'],
    ['actor:"Lin \\"W\\" Wei"', 'actor:"Lin \\"W\\" Wei"'],
    ['source:app:HR', 'source:app:HR'],
    ['or and', 'or and'],
    ['ORDER', 'ORDER'],
  ])('%j is %j', (text, normal) => {
    expect(formatQuery(parseQuery(text))).toBe(normal)
  })

  test.each<[string, number, string]>([
    ['who:lin', 1, 'actor:'],
    ['a (b', 5, ')'],
    ['a )', 3, 'the end'],
    ['OR a', 1, 'a term'],
    ['a OR', 5, 'a term'],
    ['a OR OR b', 6, 'a term'],
    ['()', 2, 'a term'],
    ['a -', 4, 'a term right after -'],
    ['a - b', 4, 'a term right after -'],
    ['"open', 6, 'a closing "'],
    ['actor:', 7, 'a value after actor:'],
    ['actor: lin', 7, 'a value after actor:'],
    ['li*n', 4, 'a space after *'],
    ['*', 1, 'a term'],
    ['outcome:perhaps', 9, 'denied'],
    ['outcome:al*', 9, 'allowed'],
    ['a ip:10.2', 6, 'an address like 10.2.3.4'],
    ['ip:10.2.0.0/33', 4, 'a range like 10.2.0.0/16'],
    ['ip:010.2.3.4', 4, 'an address like 10.2.3.4'],
    ['action:-', 8, 'an action like file.view or device.wipe.*'],
    ['!!!', 1, 'a letter or a digit'],
    ['label:""', 7, 'a letter or a digit'],
    ['a\0', 2, 'text'],
    ['a \ud800', 3, 'text'],
    ['x'.repeat(2001), 2001, 'at most 2000 characters'],
    [`${'('.repeat(33)}a`, 33, 'at most 32 levels of - and parentheses'],
    ['a '.repeat(65), 129, 'at most 64 terms'],
  ])('%j fails at column %i, expecting %j', (text, column, expected) => {
    try {
      parseQuery(text)
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(QueryError)
      expect(error).toMatchObject({ code: 'query_invalid', column, expected: expect.arrayContaining([expected]) })
    }
  })

  test.each([
    ['a outcome:perhaps b', 'perhaps'],
    ['label:"" b', '""'],
    ['outcome:al* b', 'al*'],
    ['who:lin', 'who:'],
    ['a OR', ''],
    ['"open', ''],
    ['a\0b', '\0'],
    [`${'x'.repeat(2000)}yz`, 'yz'],
  ])('%j: what is wrong is %j', (text, wrong) => {
    const { column, length } = mistakeIn(text)
    expect(text.slice(column - 1, column - 1 + length)).toBe(wrong)
  })

  test('another way to write the same characters is the same query', () => {
    // A letter and its accent, Hangul in parts, the signs of the kelvin and of wide spaces.
    const sameText = fc.string({
      unit: fc.constantFrom('e\u0301', '\u212a', '\u1100\u1161', '\u2001', ':', '"', ' ', 'k'),
    })
    const read = (text: string) => {
      try {
        return parseQuery(text)
      } catch {
        return 'mistake'
      }
    }
    fc.assert(
      fc.property(sameText, (text) => {
        expect(read(text)).toEqual(read(text.normalize('NFC')))
      }),
    )
  })

  test('what is written is read back the same', () => {
    fc.assert(
      fc.property(queries, (query) => {
        expect(parseQuery(formatQuery(query))).toEqual(query)
      }),
      { numRuns: 500 },
    )
  })

  test('any text is a query or a mistake with a column inside it', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'ab:*-()" ORip.1/\\') })), (text) => {
        try {
          const query = parseQuery(text)
          expect(parseQuery(formatQuery(query))).toEqual(query)
        } catch (error) {
          expect(error).toBeInstanceOf(QueryError)
          const { column } = error as QueryError
          expect(column).toBeGreaterThanOrEqual(1)
          expect(column).toBeLessThanOrEqual(text.length + 1)
        }
      }),
      { numRuns: 1000 },
    )
  })
})

function mistakeIn(text: string): QueryError {
  try {
    parseQuery(text)
  } catch (error) {
    if (error instanceof QueryError) return error
  }
  throw new Error(`${text} is no mistake`)
}

const ID = uuidv7()
const DRAFT: EntryDraft = {
  recordedAt: new Date('2026-11-23T09:14:03.120Z'),
  occurredAt: new Date('2026-11-23T09:14:03.120Z'),
  action: 'device.wipe.request',
  outcome: 'pending',
  actor: { kind: 'person', id: ID },
  source: 'app:HR',
  labels: ['Top Secret'],
  target: { type: 'file', id: 'plan-7' },
  policy: { id: ID, version: 3, rule: 'no-print' },
  personal: {
    actorName: 'Lin Wei',
    actorEmail: 'lin.wei@example.org',
    deviceName: '王小明的手机',
    targetName: 'Quarterly report (final).PDF',
    address: '10.2.3.4',
    reason: 'lost_device',
    userAgent: 'Mozilla/5.0',
    detail: { change: { before: 'green', after: ['deep', 'blue sea'] } },
  },
}

function holds(plan: PlanNode, hashes: ReadonlySet<number>): boolean {
  switch (plan.kind) {
    case 'all':
      return true
    case 'none':
      return false
    case 'term':
      return hashes.has(plan.hash)
    case 'and':
      return plan.items.every((item) => holds(item, hashes))
    case 'or':
      return plan.items.some((item) => holds(item, hashes))
    case 'not':
      return !holds(plan.item, hashes)
  }
}

function hashesOf(draft: EntryDraft): Set<number> {
  const { entry, personal } = buildEntry(draft)
  return new Set(termsOf(entry, personal).map((term) => hashTerm(TENANT, term)))
}

describe('matching', () => {
  const { entry, personal } = buildEntry(DRAFT)

  test.each([
    'lin',
    'LIN wei',
    '"wei lin" OR lin',
    'actor:"Lin Wei"',
    'actor:li*',
    'actor:wei@example.org',
    `actor:${ID}`,
    ID,
    'actor:person',
    'action:device',
    'action:device.wipe',
    'action:device.wipe.*',
    'action:device.wi*',
    'action:dev*',
    'wipe',
    '王小明',
    '小明',
    '手机',
    'device:王',
    '小*',
    'final.pdf',
    'target:"report final"',
    'quar*',
    'quarter*',
    'q*',
    'target:plan-7',
    'label:"top secret"',
    'label:top*',
    '10.2.3.4',
    'ip:10.2.0.0/16',
    'ip:10.0.0.0/9',
    'ip:0.0.0.0/0',
    'policy:no-print',
    `policy:${ID}`,
    'policy:no*',
    'source:app',
    'source:app:hr',
    'source:app:*',
    'source:app:h*',
    'reason:lost',
    'reason:lost_device',
    'outcome:pending',
    'blue',
    '"deep" sea',
    '-outcome:denied',
    '-(lin -wei)',
    'ｌｉｎ',
    'secret',
    '"blue sea"',
  ])('%s finds the entry', (text) => {
    const query = parseQuery(text)
    expect(matchesQuery(query, entry, personal)).toBe(true)
    expect(holds(queryPlan(query, TENANT).candidates, hashesOf(DRAFT))).toBe(true)
  })

  test.each([
    'wen',
    '"wei lin"',
    'actor:quarterly',
    'actor:device',
    'actor:"person"',
    'action:device.block',
    'action:wipe',
    '小王',
    'ip:10.3.0.0/16',
    'ip:fe80::/10',
    'target:lin',
    'label:top',
    'outcome:denied',
    '-lin',
    'reason:blue',
    '"deep sea"',
    'mozilla',
    'source:app:h',
    uuidv7(),
  ])('%s does not', (text) => {
    expect(matchesQuery(parseQuery(text), entry, personal)).toBe(false)
  })
})

describe('plans', () => {
  test('candidates miss nothing, and what is certain matches', () => {
    fc.assert(
      fc.property(queries, drafts, (query, draft) => {
        const { entry, personal } = buildEntry(draft)
        const hashes = new Set(termsOf(entry, personal).map((term) => hashTerm(TENANT, term)))
        const collector = new TermCollector(TENANT)
        collector.add(entry, personal, 7)
        const collected = collector.places()
        expect(new Set(collected.keys())).toEqual(hashes)
        expect([...collected.values()].every((places) => places.length === 1 && places[0] === 7)).toBe(true)
        const { candidates, certain, exact } = queryPlan(query, TENANT)
        const matches = matchesQuery(query, entry, personal)
        if (matches) expect(holds(candidates, hashes)).toBe(true)
        if (holds(certain, hashes)) expect(matches).toBe(true)
        if (exact) expect(candidates).toEqual(certain)
      }),
      { numRuns: 3000 },
    )
  })

  test('keys are exact, words are certain, phrases are rechecked', () => {
    expect(queryPlan(parseQuery('action:file outcome:denied -ip:10.2.0.0/16'), TENANT).exact).toBe(true)
    const word = queryPlan(parseQuery('actor:lin'), TENANT)
    expect(word.certain).toEqual({ kind: 'term', term: 'actor.w:lin', hash: hashTerm(TENANT, 'actor.w:lin') })
    expect(word.candidates).toMatchObject({ kind: 'or', items: [{ term: 'actor.w:lin' }, { term: OVERFLOW_TERM }] })
    expect(queryPlan(parseQuery('actor:"lin wei"'), TENANT).certain).toEqual({ kind: 'none' })
    expect(queryPlan(parseQuery('-"lin wei"'), TENANT).candidates).toEqual({ kind: 'all' })
    for (const repeated of ['"lin lin"', '哈哈哈']) {
      expect(queryPlan(parseQuery(repeated), TENANT).certain).toEqual({ kind: 'none' })
      expect(queryPlan(parseQuery(`-${repeated}`), TENANT).candidates).toEqual({ kind: 'all' })
    }
    expect(queryPlan(parseQuery(''), TENANT)).toEqual({
      candidates: { kind: 'all' },
      certain: { kind: 'all' },
      exact: true,
    })
  })

  test('an entry with too many words is still found', () => {
    const words = Array.from({ length: 3000 }, (_, i) => `word${i}`).join(' ')
    const draft = { ...DRAFT, personal: { words } }
    const { entry, personal } = buildEntry(draft)
    expect(termsOf(entry, personal)).toHaveLength(1024)
    const query = parseQuery('word2999 outcome:pending')
    expect(holds(queryPlan(query, TENANT).candidates, hashesOf(draft))).toBe(true)
    expect(matchesQuery(query, entry, personal)).toBe(true)
  })

  test('a term hashes differently for each tenant, always the same for one, within 64 signed bits', () => {
    expect(hashTerm(TENANT, 'w:lin')).toBe(hashTerm(TENANT, 'w:lin'))
    expect(hashTerm(uuidv7(), 'w:lin')).not.toBe(hashTerm(TENANT, 'w:lin'))
    expect(Number.isSafeInteger(hashTerm(TENANT, 'w:lin'))).toBe(true)
    expect(hashTerm('01920000-0000-7000-8000-000000000000', 'w:lin')).toMatchInlineSnapshot(`2459474580896747`)
  })

  test('an entry with many names keeps to a hundred terms', () => {
    const { entry, personal } = buildEntry(DRAFT)
    expect(termsOf(entry, personal).length).toBeLessThan(110)
  })
})

test('a sentence knows names, relations and what is negated', () => {
  const labels = (field: string, value: string) => (field === 'actor' && value === ID ? 'Lin Wei' : undefined)
  expect(describeQuery(parseQuery(`actor:${ID} -(wipe OR ip:10.0.0.0/8) action:device.*`), labels)).toEqual({
    kind: 'and',
    negated: false,
    items: [
      { kind: 'condition', negated: false, field: 'actor', relation: 'is', value: ID, label: 'Lin Wei' },
      {
        kind: 'or',
        negated: true,
        items: [
          { kind: 'condition', negated: false, field: 'text', relation: 'contains', value: 'wipe' },
          { kind: 'condition', negated: false, field: 'ip', relation: 'within', value: '10.0.0.0/8' },
        ],
      },
      { kind: 'condition', negated: false, field: 'action', relation: 'under', value: 'device.' },
    ],
  })
})

test('an action with others below it is a branch, as the search takes it', () => {
  const relationOf = (q: string) => (describeQuery(parseQuery(q), () => undefined) as { relation?: string }).relation
  expect(['policy', 'device.wipe', 'badge', 'badge.*'].map((value) => relationOf(`action:${value}`))).toEqual(
    Array(4).fill('under'),
  )
  expect(['policy.publish', 'badge.enter'].map((value) => relationOf(`action:${value}`))).toEqual(['is', 'is'])
})

test('an id without a field is about what it names', () => {
  const labels = (_field: string, value: string) => (value === ID ? 'Plan.pdf' : undefined)
  const [known, word] = [ID, 'plan'].map((q) => describeQuery(parseQuery(q), labels))
  expect(known).toMatchObject({ field: 'text', relation: 'about', label: 'Plan.pdf' })
  expect(word).toMatchObject({ field: 'text', relation: 'contains' })
})
