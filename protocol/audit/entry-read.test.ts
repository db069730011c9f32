import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { utf8Decode, utf8Encode } from '#lib/bytes.ts'
import { isTime } from '#lib/time.ts'
import { buildEntry, decodeEntry } from './entry.ts'
import { EntryError } from './entry-check.ts'
import { readCommitted } from './entry-read.ts'
import { drafts } from './testing-arbitraries.ts'

/** What `decodeEntry` says of the same bytes. */
function slowly(bytes: Uint8Array): unknown {
  try {
    const { recordedAt, personal } = decodeEntry(bytes)
    return { recordedAt, sha256: personal.sha256 }
  } catch (error) {
    return (error as EntryError).message
  }
}

function quickly(bytes: Uint8Array): unknown {
  try {
    return readCommitted(bytes)
  } catch (error) {
    expect(error).toBeInstanceOf(EntryError)
    return (error as EntryError).message
  }
}

describe('reading what is committed', () => {
  test('answers what decoding answers, for any entry', () => {
    fc.assert(
      fc.property(drafts, (draft) => {
        const { bytes, entry } = buildEntry(draft)
        expect(readCommitted(bytes)).toEqual({ recordedAt: entry.recordedAt, sha256: entry.personal.sha256 })
      }),
    )
  })

  test('refuses what decoding refuses: one changed character, one less, one more', () => {
    fc.assert(
      fc.property(drafts, fc.nat(), fc.constantFrom(...'0123456789abcZ:",.\\{}[] é'), (draft, anyAt, character) => {
        const text = utf8Decode(buildEntry(draft).bytes)
        const at = anyAt % text.length
        const spoilt = [
          text.slice(0, at) + character + text.slice(at + 1),
          text.slice(0, at) + text.slice(at + 1),
          text.slice(0, at) + character + text.slice(at),
        ]
        for (const bytes of spoilt.map(utf8Encode)) expect(quickly(bytes)).toEqual(slowly(bytes))
      }),
      { numRuns: 300 },
    )
  })

  test('a torn character, labels out of order, a day that does not exist', () => {
    const at = new Date('2024-02-29T09:14:03.120Z')
    const draft = { recordedAt: at, occurredAt: at, action: 'file.view', outcome: 'allowed', source: 'server' } as const
    const text = utf8Decode(buildEntry({ ...draft, actor: { kind: 'system' }, labels: ['a', 'b'] }).bytes)
    const spoilt = [
      text.replace('"a","b"', '"b","a"'),
      text.replace('"a","b"', '"a","a"'),
      text.replace('"occurredAt":"2024-02-29', '"occurredAt":"2023-02-29'),
      text.replace('"recordedAt":"2024-02-29', '"recordedAt":"2024-02-28'),
    ]
    expect(quickly(utf8Encode(text))).toEqual(slowly(utf8Encode(text)))
    for (const one of spoilt) expect(() => readCommitted(utf8Encode(one)), one).toThrow(EntryError)
    expect(() => readCommitted(Uint8Array.of(0xff))).toThrow('UTF-8')
  })

  test('which days exist is what the platform says', () => {
    const two = (most: number) => fc.integer({ min: 0, max: most }).map((n) => String(n).padStart(2, '0'))
    const year = fc.oneof(fc.integer({ min: 0, max: 9999 }), fc.constantFrom(0, 1900, 2000, 2100, 2024))
    fc.assert(
      fc.property(year, two(14), two(33), two(25), two(61), two(61), (y, month, day, h, m, s) => {
        const text = `${String(y).padStart(4, '0')}-${month}-${day}T${h}:${m}:${s}.120Z`
        const ms = Date.parse(text)
        expect(isTime(text), text).toBe(y > 0 && !Number.isNaN(ms) && new Date(ms).toISOString() === text)
      }),
      { numRuns: 2_000 },
    )
  })
})
