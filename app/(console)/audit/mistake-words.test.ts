import { describe, expect, it } from 'vitest'
import zh from '#messages/zh/audit.json' with { type: 'json' }
import { OUTCOMES } from '#protocol/audit/actions.ts'
import { QUERY_FIELDS } from '#protocol/audit/query.ts'
import { parseQuery, QueryError } from '#protocol/audit/query-parse.ts'
import { mistakeWords } from './_mistake-words.ts'

const WRONG = [
  'ip:999',
  'action:-a',
  'outcome:maybe',
  '- x',
  '(a',
  'a)',
  'OR',
  'actor:',
  '"a',
  'a*b',
  '"-"',
  'colour:x',
  'x'.repeat(5_000),
  '\u0007',
]
const isOutcome = (text: string) => OUTCOMES.some((outcome) => outcome === text)
const DEEP = '('.repeat(200)
const MANY = 'a '.repeat(1_000)

function mistakeOf(q: string): QueryError {
  try {
    parseQuery(q)
  } catch (error) {
    if (error instanceof QueryError) return error
  }
  throw new Error(`${q} can be read`)
}

describe('what is wrong with a query', () => {
  const part: Record<string, string> = zh.query.part
  const t = (key: string, { name, count }: { name: string; count: number }) =>
    (part[key.slice('part.'.length)] ?? key).replace('{name}', name).replace('{count, number}', String(count))

  it.each([...WRONG, DEEP, MANY])('is told in Chinese: %.20s', (q) => {
    for (const expected of mistakeOf(q).expected) {
      const isOfLanguage = QUERY_FIELDS.some((field) => expected === `${field}:`) || isOutcome(expected)
      // A sign, a word of the language or words of ours; never a sentence of the parser's.
      if (!isOfLanguage && /[a-z]{2}/.test(expected)) expect(mistakeWords(t, expected)).toMatch(/\p{Script=Han}/u)
    }
  })

  it('names a space, which nobody sees', () => {
    expect(mistakeWords(t, mistakeOf('action: a').found)).toBe('空格')
  })

  it('keeps the values in it', () => {
    expect(
      mistakeOf('ip:999')
        .expected.map((text) => mistakeWords(t, text))
        .join(),
    ).toContain('10.2.0.0/16')
    expect(mistakeWords(t, 'a value after actor:')).toBe('“actor:”之后的值')
    expect(mistakeWords(t, '999')).toBe('“999”')
  })
})
