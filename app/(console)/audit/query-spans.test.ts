import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { querySpans, wrongSpan } from './_query-spans.ts'

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom(...'ab:*-()" ORip.1/\\\u0301\u212a王ש') }),
  fc
    .array(fc.constantFrom('actor:', 'outcome:denied', 'OR', '(', ')', '-', '"Lin Wei"', ' ', 'li*', 'who:', '\0'))
    .map((parts) => parts.join('')),
)
const drawn = (text: string) =>
  querySpans(text, wrongSpan(text)).map((span) => [span.text, span.tone, ...(span.isWrong ? ['wrong'] : [])])

describe('the pieces of a query', () => {
  it('of any text are the text, with and without its mistake', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        for (const wrong of [wrongSpan(text), null]) {
          const spans = querySpans(text, wrong)
          expect(spans.map((span) => span.text).join('')).toBe(text)
          expect(spans.map((span) => text.slice(span.start, span.start + span.text.length))).toEqual(
            spans.map((span) => span.text),
          )
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('are marked exactly where the parser says', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const wrong = wrongSpan(text)
        const marked = querySpans(text, wrong).filter((span) => span.isWrong)
        expect(marked.map((span) => span.text).join('')).toBe(wrong ? text.slice(wrong.start, wrong.end) : '')
      }),
      { numRuns: 1000 },
    )
  })

  it.each([
    ['one word', 'a'.repeat(100_000)],
    ['a phrase without an end', `"${'\\"'.repeat(50_000)}`],
    ['a phrase with a wrong escape', `"${'\\a'.repeat(50_000)}"`],
    ['parentheses', '('.repeat(100_000)],
    ['quotes', '"'.repeat(100_001)],
    ['fields without values', 'a: '.repeat(33_000)],
    ['accents', `e${'\u0301'.repeat(100_000)}`],
    ['halves of characters', '\ud800'.repeat(100_000)],
    ['a script', 'actor:"</span><script>alert(1)</script>" <img src=x>'],
    ['signs that turn text around', 'actor:\u202egnp.exe\u202c -\u2066x\u2069'],
  ])('of %s are the text, with what is wrong in it', (_, text) => {
    const wrong = wrongSpan(text)
    const spans = querySpans(text, wrong)
    expect(spans.map((span) => span.text).join('') === text).toBe(true)
    const marked = spans.filter((span) => span.isWrong).map((span) => span.text)
    expect(marked.join('') === (wrong ? text.slice(wrong.start, wrong.end) : '')).toBe(true)
  })

  it('are those of the design', () => {
    expect(drawn('(action:file.view OR a) label:x -actor:"Lin Wei" merger')).toEqual([
      ['(', 'plain'],
      ['action:', 'language'],
      ['file.view', 'value'],
      [' ', 'plain'],
      ['OR', 'language'],
      [' a) ', 'plain'],
      ['label:', 'language'],
      ['x', 'value'],
      [' ', 'plain'],
      ['-actor:', 'language'],
      ['"Lin Wei"', 'value'],
      [' merger', 'plain'],
    ])
  })

  it.each([
    [
      'outcome:perhaps a',
      [
        ['outcome:', 'language'],
        ['perhaps', 'value', 'wrong'],
        [' a', 'plain'],
      ],
    ],
    [
      'who:lin',
      [
        ['who:', 'language', 'wrong'],
        ['lin', 'value'],
      ],
    ],
    [
      'a\0b',
      [
        ['a', 'plain'],
        ['\0', 'plain', 'wrong'],
        ['b', 'plain'],
      ],
    ],
    [
      'reason:"',
      [
        ['reason:', 'language'],
        ['"', 'value'],
      ],
    ],
  ])('of %j say what is wrong', (text, pieces) => {
    expect(drawn(text)).toEqual(pieces)
  })

  it('say where something is missing', () => {
    expect(wrongSpan('a OR')).toEqual({ start: 4, end: 4 })
  })
})
