import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  base64Decode,
  base64Encode,
  base64urlDecode,
  base64urlEncode,
  concatBytes,
  equalBytes,
  hexDecode,
  hexEncode,
  utf8Decode,
  utf8Encode,
} from './bytes.ts'
import { canonicalJson, type JsonValue } from './canonical-json.ts'
import { escapeForDisplay, hasControl, hasHidden, hasLoneSurrogate, hasNul, isNfc } from './text.ts'
import { formatTime, isTime, parseRfc3339, parseTime } from './time.ts'
import { bytesToUuid, isUuid, isUuidv7, uuidToBytes, uuidv7, uuidv7TimeMs } from './uuid.ts'

describe('bytes', () => {
  test('encodings agree with the platform and come back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
        expect(base64Encode(bytes)).toBe(Buffer.from(bytes).toString('base64'))
        expect(base64urlEncode(bytes)).toBe(Buffer.from(bytes).toString('base64url'))
        expect(hexEncode(bytes)).toBe(Buffer.from(bytes).toString('hex'))
        expect(base64Decode(base64Encode(bytes))).toEqual(bytes)
        expect(base64urlDecode(base64urlEncode(bytes))).toEqual(bytes)
        expect(hexDecode(hexEncode(bytes).toUpperCase())).toEqual(bytes)
      }),
    )
  })

  test('long ones, too', () => {
    for (const length of [767, 768, 769, 1_536, 5_000]) {
      const bytes = new Uint8Array(length).map((_, i) => i * 7)
      expect(base64urlEncode(bytes)).toBe(Buffer.from(bytes).toString('base64url'))
    }
  })

  test.each(['A', 'AA', 'AA=', 'AB==', 'AAB=', 'A A=', 'AA==\n', 'AA-_', '=AAA', 'AAAA====', 'Ä==='])(
    'base64 %j is refused',
    (text) => {
      expect(() => base64Decode(text)).toThrow(TypeError)
    },
  )

  test.each(['A', 'AB', 'AA==', 'A+A', 'A/A', 'AA ', 'AAB'])('base64url %j is refused', (text) => {
    expect(() => base64urlDecode(text)).toThrow(TypeError)
  })

  test.each(['a', 'zz', ' 0', '0x'])('hexadecimal %j is refused', (text) => {
    expect(() => hexDecode(text)).toThrow(TypeError)
  })

  test('join, compare and UTF-8', () => {
    expect(concatBytes(utf8Encode('a'), new Uint8Array(0), utf8Encode('é'))).toEqual(utf8Encode('aé'))
    expect(equalBytes(utf8Encode('a'), utf8Encode('b'))).toBe(false)
    expect(equalBytes(utf8Encode('a'), utf8Encode('ab'))).toBe(false)
    expect(equalBytes(new Uint8Array(0), new Uint8Array(0))).toBe(true)
    expect(utf8Decode(utf8Encode('\ufeffz'))).toBe('\ufeffz')
    expect(() => utf8Decode(Uint8Array.of(0xc0, 0x80))).toThrow(TypeError)
  })
})

describe('UUIDv7', () => {
  test('rises within the process, also in one millisecond and with given times', () => {
    for (const make of [() => uuidv7(), () => uuidv7(1_800_000_000_000)]) {
      const ids = Array.from({ length: 5_000 }, make)
      expect(ids.toSorted()).toEqual(ids)
      expect(new Set(ids).size).toBe(ids.length)
      expect(ids.every(isUuidv7)).toBe(true)
    }
  })

  test('carries exactly the time given, also one that goes back', () => {
    for (const ms of [1_800_000_000_000, 5, 0, 2 ** 48 - 1]) expect(uuidv7TimeMs(uuidv7(ms))).toBe(ms)
    for (const ms of [-1, 1.5, 2 ** 48, Number.NaN]) expect(() => uuidv7(ms)).toThrow(RangeError)
    expect(Math.abs(uuidv7TimeMs(uuidv7()) - Date.now())).toBeLessThan(2_000)
  })

  test('bytes and text', () => {
    const id = uuidv7()
    expect(bytesToUuid(uuidToBytes(id))).toBe(id)
    expect(() => bytesToUuid(new Uint8Array(15))).toThrow('16 bytes')
    for (const text of ['', id.toUpperCase(), `${id} `, id.replace('-', ''), `{${id}}`])
      expect(isUuid(text)).toBe(false)
    expect(isUuidv7('00000000-0000-4000-8000-000000000000')).toBe(false)
    expect(() => uuidv7TimeMs('00000000-0000-4000-8000-000000000000')).toThrow(TypeError)
  })
})

describe('canonical JSON', () => {
  test('the example of RFC 8785', () => {
    const value = {
      numbers: [Number('333333333.33333329'), 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\u0022/",
      literals: [null, true, false],
    }
    expect(canonicalJson(value)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    )
  })

  test('members sort by UTF-16 code units', () => {
    const names = ['\u20ac', '\r', '\ufb33', '1', '\ud83d\ude00', '\u0080', '\u00f6']
    const sorted = Object.keys(JSON.parse(canonicalJson(Object.fromEntries(names.map((name) => [name, 0])))))
    expect(sorted).toEqual(['1', '\r', '\u0080', '\u00f6', '\u20ac', '\ud83d\ude00', '\ufb33'])
  })

  test('says the same as JSON, whatever the order', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        // fast-check's type of JSON is ours but for readonly.
        const text = canonicalJson(value as JsonValue)
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)))
        expect(canonicalJson(JSON.parse(text))).toBe(text)
      }),
    )
  })

  test.each<[string, unknown, string]>([
    ['a lone surrogate', { a: ['\ud800'] }, '$.a[0]'],
    ['a lone surrogate in a name', { '\udc00': 1 }, 'lone surrogate'],
    ['NaN', [Number.NaN], '$[0]'],
    ['infinity', { a: -Infinity }, '$.a'],
    ['undefined in a list', [undefined], '$[0]'],
    ['a big integer', 1n, '$'],
    ['a date', { a: new Date() }, '$.a'],
    ['a map', new Map(), '$'],
  ])('%s is refused', (_, value, place) => {
    // The point is what types forbid.
    expect(() => canonicalJson(value as JsonValue)).toThrow(place)
  })

  test('absent members are left out', () => {
    expect(canonicalJson({ b: undefined, a: -0 })).toBe('{"a":0}')
  })
})

describe('time', () => {
  test('one form, and back', () => {
    const text = '2026-01-31T09:14:03.120Z'
    expect(formatTime(parseTime(text))).toBe(text)
    expect(formatTime(0)).toBe('1970-01-01T00:00:00.000Z')
    expect(() => formatTime(new Date(8.64e15))).toThrow(RangeError)
    expect(() => formatTime(Number.NaN)).toThrow(RangeError)
    expect(() => formatTime(new Date('0000-06-01'))).toThrow(RangeError)
    expect(() => formatTime(new Date(Number.NaN))).toThrow(RangeError)
  })

  test('is what Date writes, of neighbouring days and of any', () => {
    const near = fc.integer({ min: -3 * 86_400_000, max: 3 * 86_400_000 })
    const any = fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true })
    fc.assert(
      fc.property(
        fc.oneof(
          near,
          near.map((ms) => ms + 0.5),
          any,
        ),
        (time) => {
          expect(formatTime(time)).toBe(new Date(time).toISOString())
        },
      ),
    )
  })

  test.each([
    '2026-01-31T09:14:03Z',
    '2026-01-31T09:14:03.12Z',
    '2026-01-31t09:14:03.120Z',
    '2026-01-31T09:14:03.120+00:00',
    '2026-02-30T00:00:00.000Z',
    '2026-01-31T24:00:00.000Z',
    '2026-01-31T09:60:03.120Z',
    '+002026-01-31T09:14:03.120Z',
    '0000-01-31T09:14:03.120Z',
    '',
    ' 2026-01-31T09:14:03.120Z',
  ])('%j is not that form', (text) => {
    expect(isTime(text)).toBe(false)
    expect(() => parseTime(text)).toThrow(TypeError)
  })

  test.each([
    ['2026-01-31T09:14:03Z', '2026-01-31T09:14:03.000Z'],
    ['2026-01-31t09:14:03.1239+02:00', '2026-01-31T07:14:03.123Z'],
    ['2026-01-31T23:14:03-01:30', '2026-02-01T00:44:03.000Z'],
    ['2016-12-31T23:59:60Z', '2016-12-31T23:59:59.999Z'],
  ])('RFC 3339 %s is %s', (text, utc) => {
    expect(parseRfc3339(text)?.toISOString()).toBe(utc)
  })

  test.each([
    '2026-01-31',
    '2026-13-01T00:00:00Z',
    '2026-01-31T09:14:03',
    '2026-01-31T09:14:03+24:00',
    '2026-01-31T09:14:03.Z',
    '0000-01-01T00:00:00Z',
    '0001-01-01T00:00:00+01:00',
    '9999-12-31T23:59:59-01:00',
  ])('%s is no RFC 3339 time', (text) => {
    expect(parseRfc3339(text)).toBeNull()
  })
})

describe('text', () => {
  test('what is safe to store and what is not', () => {
    expect(isNfc('é')).toBe(true)
    expect(isNfc('e\u0301')).toBe(false)
    expect(hasLoneSurrogate('a\ud800')).toBe(true)
    expect(hasLoneSurrogate('😀')).toBe(false)
    expect(hasNul('a\0')).toBe(true)
    expect(hasControl('a\n')).toBe(true)
    expect(hasControl('a\u0085')).toBe(true)
    expect(hasControl('王 é')).toBe(false)
    expect(hasHidden('a\u202eb')).toBe(true)
    expect(hasHidden('ab')).toBe(false)
  })

  test('what would deceive is shown as its number', () => {
    expect(escapeForDisplay('inv\u202efdp.exe')).toBe('inv\\u{202e}fdp.exe')
    expect(escapeForDisplay('a\0b\nc\u200bd\ud800e\u{e0041}')).toBe('a\\u{0}b\\u{a}c\\u{200b}d\\u{d800}e\\u{e0041}')
    expect(escapeForDisplay('Zoé 王小明 😀')).toBe('Zoé 王小明 😀')
  })
})
