/** Arbitrary entries for property tests; imported by tests only. */
import fc from 'fast-check'
import { uuidv7 } from '#lib/uuid.ts'
import { ACTOR_KINDS, AUDIT_ACTIONS, ENFORCEMENTS, OUTCOMES } from './actions.ts'
import type { EntryDraft } from './entry.ts'
import type { DetailValue, PersonalValues } from './personal.ts'

const WORDS = [
  'Lin',
  'Wei',
  'li',
  'quarterly',
  'report.pdf',
  '王小明',
  '小明',
  '小小',
  '报告',
  'Zoé',
  'ΣΑΣ',
  'a',
  'Straße',
  'か゛',
  '2026',
]
const anyText = fc
  .string({ unit: 'binary', maxLength: 30 })
  .filter((text) => text.isWellFormed() && !text.includes('\0'))
const words = fc.array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 4 }).map((list) => list.join(' '))
const text = fc.oneof({ weight: 3, arbitrary: words }, { weight: 1, arbitrary: anyText })
const id = fc.constantFrom(...Array.from({ length: 4 }, () => uuidv7()))
const detailText = fc.oneof(text, fc.array(text, { maxLength: 3 }))
const detailValue: fc.Arbitrary<DetailValue> = fc.oneof(
  detailText,
  fc.record({ before: detailText, after: detailText }, { requiredKeys: [] }),
)
const member = (value: fc.Arbitrary<string>) => fc.option(value, { nil: undefined })
const address = fc.oneof(
  fc.constantFrom('10.2.3.4', '10.2.9.1', '11.2.3.4', '::ffff:10.2.3.5', 'fe80::1', 'nowhere'),
  fc.ipV4(),
  fc.ipV6(),
)

/** Personal values with words that tests look for, and any others. */
export const personalValues: fc.Arbitrary<PersonalValues> = fc.record({
  senderId: member(fc.oneof(id, text)),
  actorName: member(text),
  actorEmail: member(fc.constantFrom('lin.wei@example.org', 'zoe@example.org')),
  deviceName: member(text),
  targetName: member(text),
  address: member(address),
  userAgent: member(text),
  reason: member(text),
  words: member(text),
  detail: fc.option(fc.dictionary(fc.stringMatching(/^[A-Za-z][A-Za-z0-9_.-]{0,5}$/), detailValue, { maxKeys: 4 }), {
    nil: undefined,
  }),
})

const time = fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true })
const name = fc.constantFrom('confidential', 'Confidential plan', '机密', 'rule-7', 'top secret')

/** Drafts of entries in all their forms. */
export const drafts: fc.Arbitrary<EntryDraft> = fc.record(
  {
    recordedAt: time,
    occurredAt: time,
    clock: fc.constant('suspect' as const),
    action: fc.oneof(fc.constantFrom(...AUDIT_ACTIONS), fc.constant('invoice.pay')),
    outcome: fc.constantFrom(...OUTCOMES),
    actor: fc.record({ kind: fc.constantFrom(...ACTOR_KINDS), id }, { requiredKeys: ['kind'] }),
    device: fc.record({ id }),
    target: fc.record({ type: fc.constantFrom('file', 'device'), id: fc.oneof(id, name) }),
    labels: fc.array(name, { maxLength: 3 }),
    policy: fc.record({ id, version: fc.integer({ min: 1, max: 9 }), rule: name }, { requiredKeys: ['id', 'version'] }),
    source: fc.constantFrom('server', 'device', 'app:HR', 'import:old log', 'app:王'),
    enforcement: fc.constantFrom(...ENFORCEMENTS),
    correlationId: id,
    personal: personalValues,
  },
  { requiredKeys: ['recordedAt', 'occurredAt', 'action', 'outcome', 'actor', 'source'] },
)
