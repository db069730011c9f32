import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CsvSplitter, type RawRecord } from './csv.ts'
import { LineSplitter } from './lines.ts'
import { importMapping } from './mapping.ts'
import { type FileRecord, readFileRecords } from './read-file.ts'
import { timeReader } from './times.ts'

function csv(text: string, { size = text.length || 1, maxChars = 1_000 } = {}): RawRecord[] {
  const splitter = new CsvSplitter({ delimiter: ',', maxChars })
  const records: RawRecord[] = []
  for (let at = 0; at < text.length; at += size) records.push(...splitter.push(text.slice(at, at + size)))
  return [...records, ...splitter.end()]
}

const fieldsOf = (records: readonly RawRecord[]) =>
  records.map((record) => ('fields' in record ? record.fields : [record.line, record.code]))

describe('CSV', () => {
  test('quotes, doubled quotes, breaks inside, both line ends, empty lines, no last break', () => {
    const text = 'a,b\r\n"1,2","say ""hi"""\n\n"two\nlines",x\r\n,\nlast,"q"'
    for (const size of [1, 2, 3, 7, 1_000]) {
      const records = csv(text, { size })
      expect(records.map(({ line }) => line)).toEqual([1, 2, 4, 6, 7])
      const rows = [
        ['a', 'b'],
        ['1,2', 'say "hi"'],
        ['two\nlines', 'x'],
        ['', ''],
        ['last', 'q'],
      ]
      expect(fieldsOf(records)).toEqual(rows)
    }
  })

  test('what was written is read, in pieces of any size', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ', '界') })
    const rows = fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { maxLength: 6 })
    const quote = (text: string) => `"${text.replaceAll('"', '""')}"`
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 9 }), (written, size) => {
        const text = written.map((row) => row.map(quote).join(',')).join('\r\n')
        expect(fieldsOf(csv(text, { size }))).toEqual(written)
      }),
    )
  })

  test('nothing inside an overlong field can pose as a record', () => {
    const evil = `1,"${'x'.repeat(50)}\n2,forged\n"\n3,true\n`
    for (const size of [1, 5, 500])
      expect(fieldsOf(csv(evil, { size, maxChars: 20 }))).toEqual([
        [1, 'line_too_large'],
        ['3', 'true'],
      ])
  })

  test('a quote that never closes is told, holds no memory, and what came before stands', () => {
    const text = `a,b\n1,"open\n${'2,3\n'.repeat(100)}`
    for (const size of [1, 5, 5_000]) {
      const records = fieldsOf(csv(text, { size, maxChars: 50 }))
      expect(records[0]).toEqual(['a', 'b'])
      expect(records.at(-1)).toEqual([2, 'csv_unclosed'])
    }
  })

  test('text behind a closing quote makes that record a bad one alone', () => {
    for (const size of [1, 4, 500])
      expect(fieldsOf(csv('a,b\n"x"y,"z\n1,2"\n3,4\n', { size }))).toEqual([
        ['a', 'b'],
        [2, 'csv_quote'],
        ['3', '4'],
      ])
  })
})

describe('NDJSON', () => {
  test('lines in pieces of any size; one too long is told and passed over', () => {
    const text = `{"a":1}\r\n\n${'x'.repeat(60)}\n{"b":2}`
    for (const size of [1, 7, 30, 1_000]) {
      const splitter = new LineSplitter({ maxChars: 20 })
      const records: RawRecord[] = []
      for (let at = 0; at < text.length; at += size) records.push(...splitter.push(text.slice(at, at + size)))
      records.push(...splitter.end())
      expect(records.map((record) => [record.line, 'text' in record ? record.text : record.code])).toEqual([
        [1, '{"a":1}'],
        [3, 'line_too_large'],
        [4, '{"b":2}'],
      ])
    }
  })

  test('paths, pointers, and numbers too great for a float', async () => {
    const mapping = importMapping.parse({
      name: 'x',
      format: 'ndjson',
      id: 'id',
      occurredAt: { from: 'at' },
      action: 'a',
    })
    const text = '{"id":12345678901234567891,"a":{"b":[{"c":"deep"}],"x/y":true},"__proto__":{"p":1}}'
    const records: FileRecord[] = []
    for await (const record of readFileRecords(bytesOf(text), mapping, [])) if ('read' in record) records.push(record)
    const read = records[0]?.read ?? (() => 'no record')
    expect(['id', 'a.b[0].c', '/a/x~1y', 'a.none.c', 'toString', 'a.b.length'].map(read)).toEqual([
      '12345678901234567891',
      'deep',
      true,
      undefined,
      undefined,
      1,
    ])
  })
})

async function* bytesOf(text: string): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text)
}

describe('times', () => {
  test.each([
    ['rfc3339', 'UTC', '2026-01-31T09:14:03+02:00', '2026-01-31T07:14:03.000Z'],
    ['unix', 'UTC', '1700000000.25', '2023-11-14T22:13:20.250Z'],
    ['unix_ms', 'UTC', '-86400000', '1969-12-31T00:00:00.000Z'],
    ['yyyy-MM-dd HH:mm:ss', 'Europe/Berlin', '2026-07-01 12:00:00', '2026-07-01T10:00:00.000Z'],
    ['yyyy-MM-dd HH:mm:ss', 'Europe/Berlin', '2026-01-01 12:00:00', '2026-01-01T11:00:00.000Z'],
    ['yyyy-MM-dd HH:mm:ss.SSS', '+05:30', '1999-12-31 23:59:59.123456', '1999-12-31T18:29:59.123Z'],
    ['M/d/yyyy h:mm:ss a', 'America/New_York', '2/3/2020 12:05:06 AM', '2020-02-03T05:05:06.000Z'],
    ['dd/MMM/yyyy:HH:mm:ss XX', 'UTC', '10/Oct/2000:13:55:36 -0700', '2000-10-10T20:55:36.000Z'],
    ["yyyy-MM-dd'T'HH:mm:ssX", 'UTC', '2026-01-01T00:00:00Z', '2026-01-01T00:00:00.000Z'],
    // Asia/Shanghai was 8:05:43 ahead before 1901.
    ['yyyy-MM-dd HH:mm:ss', 'Asia/Shanghai', '1900-01-01 12:00:00', '1900-01-01T03:54:17.000Z'],
    // Set back: twice, the earlier one counts.
    ['yyyy-MM-dd HH:mm', 'Europe/Berlin', '2026-10-25 02:30', '2026-10-25T00:30:00.000Z'],
    // Set forward: never.
    ['yyyy-MM-dd HH:mm', 'Europe/Berlin', '2026-03-29 02:30', null],
    ['yyyy-MM-dd HH:mm', 'UTC', '2026-02-30 10:00', null],
    ['yyyy-MM-dd HH:mm', 'UTC', '2026-02-20 24:00', null],
    ['yyyy-MM-dd h:mm a', 'UTC', '2026-02-20 13:00 PM', null],
    ['dd/MMM/yyyy', 'UTC', '10/Foo/2000', null],
    ['unix', 'UTC', '99999999999999', null],
    ['unix', 'UTC', '', null],
    ['rfc3339', 'UTC', 'yesterday', null],
  ])('%s in %s: %s', (format, zone, text, expected) => {
    expect(timeReader(format, zone)(text)?.toISOString() ?? null).toBe(expected)
  })
})
