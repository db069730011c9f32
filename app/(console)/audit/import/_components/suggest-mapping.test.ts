import { describe, expect, test } from 'vitest'
import { importMapping } from '#server/audit/schema.ts'
import { suggestMapping } from './suggest-mapping.ts'

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
})
