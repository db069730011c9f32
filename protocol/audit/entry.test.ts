import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hexEncode, utf8Decode, utf8Encode } from '#lib/bytes.ts'
import { canonicalJson } from '#lib/canonical-json.ts'
import { uuidv7, uuidv7TimeMs } from '#lib/uuid.ts'
import { AUDIT_ACTIONS, actionsIn, appMayState, categoryOf, deviceMayState, isActionName } from './actions.ts'
import { buildEntry, decodeEntry, type EntryDraft, encodeEntry } from './entry.ts'
import { EntryError } from './entry-check.ts'
import { leafHash } from './merkle.ts'
import {
  commitPersonal,
  type Personal,
  type PersonalValues,
  sealPersonal,
  verifyPersonal,
  verifyPersonalText,
} from './personal.ts'
import { sha256Base64url } from './sha256.ts'
import { drafts, personalValues } from './testing-arbitraries.ts'

const AT = new Date('2026-11-23T09:14:03.120Z')
const SMALL: EntryDraft = {
  recordedAt: AT,
  occurredAt: AT,
  action: 'file.view',
  outcome: 'allowed',
  actor: { kind: 'system' },
  source: 'server',
}

const PERSONAL_TEXTS = [
  'senderId',
  'actorName',
  'actorEmail',
  'deviceName',
  'targetName',
  'address',
  'userAgent',
  'reason',
  'words',
]

describe('the committed form', () => {
  test('is canonical JSON, and decoding gives it back', () => {
    fc.assert(
      fc.property(drafts, (draft) => {
        const { entry, bytes } = buildEntry(draft)
        expect(utf8Decode(bytes)).toBe(canonicalJson(entry))
        expect(decodeEntry(bytes)).toEqual(JSON.parse(canonicalJson(entry)))
        expect(uuidv7TimeMs(entry.id)).toBe(draft.recordedAt.getTime())
      }),
    )
  })

  test('is canonical JSON whichever of its texts need an escape or another form', () => {
    const text = fc.constantFrom(
      'plain',
      'a',
      '"',
      '\\',
      '\n',
      '\x1f',
      '\x7f',
      '\u2028',
      'e\u0301',
      '\u212b',
      '😀',
      '\u202e',
      '</a>',
    )
    const texts = fc.record(
      {
        target: fc.record({ type: fc.constant('file'), id: text }),
        labels: fc.array(text, { maxLength: 4 }),
        personal: fc.record(
          {
            ...Object.fromEntries(PERSONAL_TEXTS.map((name) => [name, text])),
            detail: fc.dictionary(
              fc.constantFrom('a', 'toJSON', 'b.c', 'b-c', 'B'),
              fc.oneof(text, fc.record({ before: text, after: fc.array(text) })),
            ),
          },
          { requiredKeys: [] },
        ),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(texts, (given) => {
        const built = buildEntry({ ...SMALL, ...given })
        expect(built.text).toBe(canonicalJson(built.entry))
        expect(built.personalText).toBe(canonicalJson(built.personal))
        expect(decodeEntry(built.bytes).labels ?? []).toEqual(
          [...new Set(given.labels?.map((label) => label.normalize('NFC')))].sort(),
        )
      }),
      { numRuns: 500 },
    )
  })

  test('leaves out what has no value, sorts labels and drops repeated ones', () => {
    const { entry } = buildEntry({ ...SMALL, labels: ['b', 'a', 'b'] })
    expect(entry.labels).toEqual(['a', 'b'])
    expect(Object.keys(JSON.parse(utf8Decode(encodeEntry(buildEntry(SMALL).entry))))).toEqual([
      'action',
      'actor',
      'id',
      'occurredAt',
      'outcome',
      'personal',
      'recordedAt',
      'source',
      'v',
    ])
    expect(utf8Decode(buildEntry({ ...SMALL, labels: [] }).bytes)).not.toContain('labels')
  })

  test.each<[string, object]>([
    ['action', { action: 'View' }],
    ['outcome', { outcome: 'maybe' }],
    ['actor.kind', { actor: { kind: 'robot' } }],
    ['actor.id', { actor: { kind: 'person', id: 'lin' } }],
    ['device.id', { device: { id: '' } }],
    ['target.type', { target: { type: 'File', id: 'x' } }],
    ['target.id', { target: { type: 'file', id: '' } }],
    ['target.id', { target: { type: 'file', id: 'a\ud800' } }],
    ['target.id', { target: { type: 'file', id: 'a\0' } }],
    ['target.id', { target: { type: 'file', id: 'x'.repeat(257) } }],
    ['labels[0]', { labels: [''] }],
    ['labels[0]', { labels: ['\udc00'] }],
    ['labels', { labels: Array.from({ length: 33 }, (_, i) => `l${i}`) }],
    ['policy.version', { policy: { id: uuidv7(), version: 1.5 } }],
    ['policy.version', { policy: { id: uuidv7(), version: 0 } }],
    ['source', { source: 'app:' }],
    ['source', { source: 'elsewhere' }],
    ['enforcement', { enforcement: 'perhaps' }],
    ['correlationId', { correlationId: 'x' }],
    ['clock', { clock: 'fine' }],
    ['id', { id: uuidv7() }],
    ['personal.actorName', { personal: { actorName: '\ud83d' } }],
    ['personal.words', { personal: { words: 'a\0b' } }],
    ['personal.detail.9', { personal: { detail: { 9: 'nine' } } }],
    ['personal.detail.a.after', { personal: { detail: { a: { after: '\ud83d' } } } }],
    ['personal', { personal: { words: 'x'.repeat(65_536) } }],
  ])('a bad %s is refused by name', (field, change) => {
    // The point is what types forbid.
    const draft = { ...SMALL, ...change } as EntryDraft
    expect(() => buildEntry(draft)).toThrow(expect.objectContaining({ name: 'EntryError', field }))
  })

  test('a second spelling of an entry is refused', () => {
    const { bytes, entry } = buildEntry({ ...SMALL, labels: ['a', 'b'] })
    const text = utf8Decode(bytes)
    const spellings = [
      ` ${text}`,
      text.replace('"a","b"', '"b","a"'),
      text.replace('"v":1', '"v":1.0'),
      text.replace('"v":1', '"v":2'),
      text.replace('file.view', 'file.vi\\u0065w'),
      text.replace('{"action"', '{"aaa":1,"action"'),
      text.replace('"outcome"', '"occurredBy":null,"outcome"'),
      text.replaceAll(entry.recordedAt, '2026-11-23T09:14:03.121Z'),
      text.replace('.120Z', '.12Z'),
      text.slice(0, -1),
      '[]',
      'null',
    ]
    for (const spelling of spellings) expect(() => decodeEntry(utf8Encode(spelling)), spelling).toThrow(EntryError)
    expect(() => decodeEntry(Uint8Array.of(0xff))).toThrow('UTF-8')
    expect(() => decodeEntry(new Uint8Array(65_536))).toThrow(EntryError)
  })
})

describe('personal values', () => {
  test('the commitment is over canonical JSON, whatever order they are stored in', () => {
    fc.assert(
      fc.property(personalValues, (values) => {
        const { personal, sha256 } = sealPersonal(values)
        expect(commitPersonal(personal)).toBe(sha256)
        const shuffled = Object.fromEntries(Object.entries(JSON.parse(JSON.stringify(personal))).reverse()) as Personal
        expect(verifyPersonal(shuffled, sha256)).toBe(true)
        expect(verifyPersonalText(JSON.stringify(personal), sha256)).toBe(true)
        expect(verifyPersonalText(JSON.stringify(shuffled), sha256)).toBe(true)
        expect(verifyPersonalText(JSON.stringify({ ...personal, words: 'other' }), sha256)).toBe(false)
        expect(verifyPersonal({ ...personal, words: `${personal.words ?? ''}.` }, sha256)).toBe(false)
        expect(verifyPersonal({ ...personal, salt: 'AAAAAAAAAAAAAAAAAAAAAA' }, sha256)).toBe(false)
      }),
    )
  })

  test('the same values never have the same commitment, and texts become NFC', () => {
    const values: PersonalValues = { actorName: 'Zoe\u0301' }
    expect(sealPersonal(values).sha256).not.toBe(sealPersonal(values).sha256)
    expect(sealPersonal(values).personal.actorName).toBe('Zo\u00e9')
    expect(verifyPersonal({ salt: 'short' }, sealPersonal({}).sha256)).toBe(false)
    const unsalted = '{"words":"x"}'
    expect(verifyPersonalText(unsalted, sha256Base64url(unsalted))).toBe(false)
    expect(verifyPersonalText('gone', sha256Base64url('gone'))).toBe(false)
  })
})

describe('actions', () => {
  test('have a form, are sorted, unique and have a category', () => {
    expect(new Set(AUDIT_ACTIONS).size).toBe(AUDIT_ACTIONS.length)
    expect([...AUDIT_ACTIONS].sort()).toEqual(AUDIT_ACTIONS)
    for (const action of AUDIT_ACTIONS) {
      expect(isActionName(action), action).toBe(true)
      expect(actionsIn(categoryOf(action))).toContain(action)
    }
  })

  test('apps state their own nouns and what happens on devices, never what the server knows', () => {
    expect(deviceMayState('file.view')).toBe(true)
    expect(deviceMayState('device.wipe.receipt')).toBe(false)
    expect(appMayState('file.print')).toBe(true)
    expect(appMayState('invoice.pay')).toBe(true)
    expect(categoryOf('invoice.pay')).toBe('custom')
    for (const action of ['device.wipe.done', 'auth.sign_in', 'invoice', 'Invoice.pay', 'invoice.pay!']) {
      expect(appMayState(action), action).toBe(false)
    }
  })
})

test('own vectors: entries', () => {
  const file = new URL('../vectors/entries.json', import.meta.url)
  const { entries } = JSON.parse(readFileSync(file, 'utf8')) as {
    entries: { text: string; leafHashHex: string; personal: Personal }[]
  }
  for (const { text, leafHashHex, personal } of entries) {
    const entry = decodeEntry(utf8Encode(text))
    expect(utf8Decode(encodeEntry(entry))).toBe(text)
    expect(hexEncode(leafHash(utf8Encode(text)))).toBe(leafHashHex)
    expect(verifyPersonal(personal, entry.personal.sha256)).toBe(true)
  }
})
