import { createTranslator } from 'use-intl/core'
import { describe, expect, it } from 'vitest'
import { messages as en } from '#messages/en.ts'
import { messages as zh } from '#messages/zh.ts'
import { columnsOf, mapper } from '#server/audit/import/map-record.ts'
import { importMapping } from '#server/audit/import/mapping.ts'
import { readFileRecords } from '#server/audit/import/read-file.ts'
import { isAppError } from '#server/kernel/errors.ts'
import { saidWords } from './_said-words.ts'

const MAPPING = {
  name: 'old log',
  format: 'csv',
  id: 'Event',
  occurredAt: { from: 'When', format: 'yyyy-MM-dd HH:mm:ss', zone: 'Europe/Berlin' },
  action: 'What',
  outcome: 'Result',
  target: { type: 'Type', name: 'File' },
  labels: { of: 'Labels', separator: '+' },
  reason: 'Note',
}
const HEADER = 'Event,When,What,Result,Type,File,Labels,Note'
const WHEN = '2019-07-01 12:00:00'

/** What the import says of the lines of a file. */
async function saidOf(text: string, mapping: object = MAPPING): Promise<string[]> {
  const read = importMapping.parse(mapping)
  const map = mapper(read)
  const said: string[] = []
  const file = (async function* () {
    yield Buffer.from(text, 'latin1')
  })()
  for await (const record of readFileRecords(file, read, columnsOf(read))) {
    const mapped = 'code' in record ? record : map(record)
    if ('code' in mapped) said.push(mapped.detail)
  }
  return said
}

const LINES = [
  `,${WHEN},VIEW,ok,file,x,,`,
  '1,31.12.2019,VIEW,allowed,file,x,,',
  `1,${WHEN},,allowed,file,x,,`,
  `1,${WHEN},auth.sign_in,allowed,file,x,,`,
  `1,${WHEN},VIEW,maybe,file,x,,`,
  `1,${WHEN},VIEW,allowed,A file,x,,`,
  `1,${WHEN},VIEW,allowed,file,x,${Array.from({ length: 33 }, (_, n) => `l${n}`).join('+')},`,
  `1,${WHEN},VIEW,allowed,file,x,,${'x'.repeat(1_001)}`,
  `1,${WHEN},VIEW,allowed,file,x,,${'x'.repeat(40_000)}`,
  `1,${WHEN},VIEW,allowed,file,x,,\xff`,
  '1,2',
  '"1" 2,3',
  '"1,2',
]
const NDJSON = { name: 'x', format: 'ndjson', id: 'id', occurredAt: { from: 'at' }, action: 'a', detail: { d: 'd' } }
const WRONG_MAPPINGS = [
  { ...MAPPING, name: 'Upper' },
  { ...MAPPING, format: 'xls' },
  { ...MAPPING, csv: { delimiter: '#' } },
  { ...MAPPING, encoding: 'latin' },
  { ...MAPPING, occurredAt: { from: '', format: 'when', zone: 'Mars' } },
  { ...MAPPING, actor: {} },
  { ...MAPPING, device: {} },
  { ...MAPPING, target: { type: 'x' } },
  { ...MAPPING, detail: { 'a b': 'x' } },
  { ...MAPPING, detail: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`d${n}`, 'x'])) },
  { ...MAPPING, id: undefined },
  { ...MAPPING, colour: 'red' },
]

describe('what the import says', () => {
  const words = (locale: 'en' | 'zh'): Parameters<typeof saidWords>[0] => {
    const t = createTranslator({ locale, messages: { en, zh }[locale], namespace: 'imports.said' })
    return (key, values) => t(key, values as Record<string, string>) // Each key has the values of its own pattern.
  }

  it('of a line is said in the reader’s language, with its values', async () => {
    const deep = `{"id":"1","at":"2019-07-01T12:00:00Z","a":"view","d":${'['.repeat(9_000)}${']'.repeat(9_000)}}`
    const said = [...(await saidOf([HEADER, ...LINES].join('\n'))), ...(await saidOf(`7\n${deep}`, NDJSON))]
    expect(said).toHaveLength(LINES.length + 2)
    for (const text of said) expect(saidWords(words('zh'), text) ?? text).toMatch(/\p{Script=Han}/u)
    expect(saidWords(words('zh'), said[1] ?? '')).toContain('"31.12.2019" 不符合格式 yyyy-MM-dd HH:mm:ss')
    expect(saidWords(words('en'), said[10] ?? '')).toBe('it has 2, the first line has 8')
  })

  it('keeps a value that is not English, and spells out what would reorder it', async () => {
    const line = Buffer.from(`1,${WHEN},VIEW,成功\u202e,file,x,,`).toString('latin1')
    const [said = ''] = await saidOf(`${HEADER}\n${line}`)
    expect(saidWords(words('zh'), said)).toBe('outcome："成功\\u{202e}" 不是 allowed, denied, pending, failed 之一')
  })

  it('of a mapping, too; a sentence without words is known as one', async () => {
    for (const mapping of WRONG_MAPPINGS) {
      const { error } = importMapping.safeParse(mapping)
      expect(error?.issues.length).toBeGreaterThan(0)
      for (const { message } of error?.issues ?? [])
        expect(saidWords(words('zh'), message) ?? message).toMatch(/\p{Script=Han}/u)
    }
    const refused: unknown = await saidOf('A,B\n1,2').catch((error: unknown) => error)
    const [problem] = Object.values((isAppError(refused) && refused.fields) || {})
    expect(saidWords(words('zh'), problem ?? '')).toMatch(/^文件中没有列 "When", "Event"/)
    expect(saidWords(words('en'), 'something that nobody thought of')).toBeNull()
  })
})
