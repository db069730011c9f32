import type { useTranslations } from 'next-intl'

type Key = Parameters<ReturnType<typeof useTranslations<'audit.query'>>>[0] & `part.${string}`
/** The messages of `audit.query`, of whichever component. */
type Words = (key: Key, values: { name: string; count: number }) => string

/** What the parser says it found or expected (protocol/audit/query-parse.ts), as messages of `audit.query.part`. */
const PARTS: readonly [RegExp, Key][] = [
  [/^a term$/, 'part.term'],
  [/^a term right after -$/, 'part.termAfterMinus'],
  [/^the end$/, 'part.end'],
  [/^ $/, 'part.space'],
  [/^more$/, 'part.more'],
  [/^text$/, 'part.text'],
  [/^a control character or a lone surrogate$/, 'part.control'],
  [/^a letter or a digit$/, 'part.letter'],
  [/^a closing "$/, 'part.closingQuote'],
  [/^a space after \*$/, 'part.spaceAfterStar'],
  [/^a value after (?<name>[a-z]+:)$/, 'part.valueAfter'],
  [/^an address like (?<name>\S+)$/, 'part.address'],
  [/^an action like /, 'part.action'],
  [/^a range like (?<name>\S+)$/, 'part.range'],
  [/^at most (?<count>\d+) characters$/, 'part.characters'],
  [/^at most (?<count>\d+) terms$/, 'part.terms'],
  [/^at most (?<count>\d+) levels of - and parentheses$/, 'part.levels'],
]

/** In the reader's language; a value or a sign that the query's language has stands as it is, in quotes. */
export function mistakeWords(t: Words, text: string): string {
  for (const [pattern, key] of PARTS) {
    const groups = pattern.exec(text)?.groups
    if (groups || pattern.test(text)) return t(key, { name: groups?.name ?? '', count: Number(groups?.count ?? 0) })
  }
  return `“${text}”`
}
