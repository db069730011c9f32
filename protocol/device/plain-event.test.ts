import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import { eventLineSchema } from './messages.ts'
import { isPlainEvent } from './plain-event.ts'

const PLAIN = {
  seq: 7,
  id: uuidv7(),
  at: '2026-11-23T09:14:03.120Z',
  action: 'file.view',
  outcome: 'allowed',
  enforcement: 'none',
  policy: { id: uuidv7(), version: 3, rule: 'data.file.view' },
  target: { type: 'file', id: uuidv7(), name: 'Board deck (3).pdf' },
  labels: ['internal', 'team-7'],
  reason: 'asked for by a partner',
  detail: { pages: 3, whole: false, printer: 'HP 4' },
}

/** A value that JSON gives back, as the gateway reads a line. */
const parsed = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

const odd = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.constantFrom<unknown>(
    null,
    0,
    -1,
    1.5,
    2 ** 53,
    1e21,
    '',
    ' ',
    '  a ',
    'a\n',
    'é',
    '王',
    'x'.repeat(65),
    'x'.repeat(129),
  ),
  fc.constantFrom<unknown>(
    'x'.repeat(256),
    'x'.repeat(1_001),
    'x'.repeat(4_001),
    'file',
    'file.',
    'File.View',
    'a.b.c.d.e',
  ),
  fc.constantFrom<unknown>(
    '2026-02-30T09:14:03.120Z',
    '0000-01-01T00:00:00.000Z',
    '2024-02-29T23:59:59.999Z',
    uuidv7(),
  ),
  fc.constantFrom<unknown>(
    [],
    {},
    ['a'],
    Array(65).fill('a'),
    { id: 'x' },
    { type: 'file', id: 'x' },
    { a: [] },
    { _a: 1 },
  ),
  fc.jsonValue({ maxDepth: 2 }),
)

/** Paths into the plain event, and members it does not have. */
const paths = fc.constantFrom(
  ...Object.keys(PLAIN).map((name) => [name]),
  ...['id', 'version', 'rule', 'more'].map((name) => ['policy', name]),
  ...['type', 'id', 'name', 'more'].map((name) => ['target', name]),
  ...['pages', 'more', 'x'.repeat(65), '__proto__', '0'].map((name) => ['detail', name]),
  ['labels', '0'],
  ['more'],
  ['__proto__'],
)

type Change = { path: readonly string[]; value: unknown; isLeftOut: boolean }
const changes: fc.Arbitrary<Change> = fc.record({ path: paths, value: odd, isLeftOut: fc.boolean() })

function changed(event: object, { path, value, isLeftOut }: Change): object {
  const [name = '', ...rest] = path
  const members = Object.entries(event).filter(([other]) => other !== name)
  if (rest.length > 0) {
    const inner = Reflect.get(event, name)
    if (typeof inner !== 'object' || inner === null) return event
    return Object.fromEntries([...members, [name, changed(inner, { path: rest, value, isLeftOut })]])
  }
  return Object.fromEntries(isLeftOut ? members : [...members, [name, value]])
}

describe('an event as nearly all are', () => {
  test('is plain with all members and with the fewest', () => {
    const { seq, id, at, action, outcome } = PLAIN
    expect(isPlainEvent(parsed(PLAIN))).toBe(true)
    expect(isPlainEvent(parsed({ seq, id, at, action, outcome }))).toBe(true)
  })

  test('is what the schema takes, and as the schema gives it', () => {
    let plain = 0
    fc.assert(
      fc.property(fc.array(changes, { maxLength: 3 }), (list) => {
        const value = parsed(list.reduce(changed, PLAIN))
        if (!isPlainEvent(value)) return
        plain++
        expect(eventLineSchema.parse(value)).toEqual(value)
      }),
      { numRuns: 2_000 },
    )
    expect(plain).toBeGreaterThan(100)
  })

  test.each([null, [], 'x', 7, {}, { ...PLAIN, seq: 0 }, { ...PLAIN, more: 1 }, { ...PLAIN, reason: 'Zoé' }])(
    '%j is not',
    (value) => {
      expect(isPlainEvent(parsed(value))).toBe(false)
    },
  )
})
