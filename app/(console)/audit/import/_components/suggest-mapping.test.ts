import { describe, expect, test } from 'vitest'
import { importMapping } from '#server/audit/schema.ts'
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
