import { describe, expect, test } from 'vitest'
import { importMapping } from '#server/audit/schema.ts'
import { suggestEncoding } from './suggest-encoding.ts'
import { suggestMapping } from './suggest-mapping.ts'
import { suggestTimeFormat } from './suggest-time.ts'

describe('a first guess at a mapping', () => {
  test.each([
    [
      'Audit Export (1).CSV',
      'Event ID;Creation Time;Operation;User Id;Object',
      'csv',
      'Event ID',
      'Creation Time',
      'Operation',
    ],
    [
      'log.ndjson',
      '{"id":1,"time":"x","event":{"type":"VIEW"},"user":{"email":"a"}}',
      'ndjson',
      'id',
      'time',
      'event.type',
    ],
    ['导出.csv', '\ufeff时间,操作,用户', 'csv', undefined, '时间', '操作'],
    ['', '', 'csv', undefined, '', 'action'],
  ])('%s', (name, line, format, id, at, action) => {
    const guess = suggestMapping(name, `${line}\nmore`)
    expect(guess).toMatchObject({
      format,
      id: id ?? { hashOf: 'line' },
      occurredAt: { from: at },
      action: { from: action },
    })
    // What can be guessed can be read; an empty file has no columns.
    if (line !== '') expect(importMapping.safeParse(guess).error).toBeUndefined()
  })

  test('columns of few words: whose values say what they are', () => {
    const guess = suggestMapping(
      'hist.csv',
      'ref no,moment,who,what,doc\n"7, a",2019-03-04 10:00:00,mara@harbour.example,opened,"Plan, old.pdf"\n',
    )
    expect(guess).toMatchObject({
      occurredAt: { from: 'moment', format: 'yyyy-MM-dd HH:mm:ss' },
      action: { from: 'what' },
      actor: { email: 'who' },
      target: { name: 'doc' },
    })
    expect(importMapping.safeParse(guess).error).toBeUndefined()
  })

  test.each([
    ['OK', { OK: 'allowed' }],
    ['Denied', { Denied: 'denied' }],
    ['失败', { 失败: 'failed' }],
    ['allowed', {}],
    ['NOK', {}],
  ])('what came of it is not guessed: %s', (word, values) => {
    const { outcome } = suggestMapping('x.csv', `id,time,action,result\n1,2019-03-04,view,${word}\n`)
    // No `otherwise`: a word that nobody explained must not become “allowed”.
    expect(outcome).toEqual({ from: 'result', values })
  })
})

describe('the encoding of a file', () => {
  const gb = [0xb2, 0xd9, 0xd7, 0xf7, 0x2c, 0x31]
  test.each([
    ['utf-8', new TextEncoder().encode('操作,é')],
    // A letter that the beginning cuts off is none of another encoding.
    ['utf-8', new TextEncoder().encode('操作').slice(0, 5)],
    ['utf-16le', new Uint8Array([0xff, 0xfe, 0x69, 0, 0x64, 0])],
    ['utf-16le', new Uint8Array([0x69, 0, 0x64, 0])],
    ['gb18030', new Uint8Array(gb)],
    ['windows-1252', new Uint8Array([0x4d, 0xfc, 0x6c, 0x6c, 0x65, 0x72])],
    ['utf-8', new Uint8Array()],
  ])('%s', (encoding, bytes) => {
    expect(suggestEncoding(bytes).encoding).toBe(encoding)
  })

  test('goes into the guess, which reads the columns by it', () => {
    const { encoding, text } = suggestEncoding(new Uint8Array(gb))
    expect(suggestMapping('x.csv', text, encoding)).toMatchObject({ encoding: 'gb18030', action: { from: '操作' } })
  })
})

describe('the form of a time', () => {
  test.each([
    ['2019-03-04T10:00:00Z', 'rfc3339'],
    ['2019-03-04T10:00:00.123+08:00', 'rfc3339'],
    ['2019-03-04 10:00:00', 'yyyy-MM-dd HH:mm:ss'],
    ['2019-03-04T10:00:00', "yyyy-MM-dd'T'HH:mm:ss"],
    ['2019/03/04 10:00:00.5 +0800', 'yyyy/MM/dd HH:mm:ss.S X'],
    ['04.03.2019 9:05', 'dd.MM.yyyy H:mm'],
    ['3/4/2019 9:05:00 PM', 'M/d/yyyy h:mm:ss a'],
    ['24/3/2019, 09:05:00', 'd/M/yyyy, HH:mm:ss'],
    ['4 Mar 2019 10:00:00', 'd MMM yyyy HH:mm:ss'],
    ['2019-03-04', 'yyyy-MM-dd'],
    ['1551693600', 'unix'],
    ['1551693600000', 'unix_ms'],
    ['Plan 2019', null],
    ['2019-03-04 at ten', null],
  ])('%s', (text, format) => {
    expect(suggestTimeFormat(text)).toBe(format)
    const mapping = suggestMapping('x.csv', `id,time,action\n1,"${text}",view\n`)
    expect(mapping.occurredAt).toMatchObject({ from: 'time', format: format ?? 'rfc3339' })
    expect(importMapping.safeParse(mapping).error).toBeUndefined()
  })
})
