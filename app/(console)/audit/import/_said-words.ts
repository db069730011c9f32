import type { useTranslations } from 'next-intl'

type Key = Parameters<ReturnType<typeof useTranslations<'imports.said'>>>[0]
type Values = Record<string, string | number>
/** The messages of `imports.said`, of whichever component. */
type Words = (key: Key, values: Values) => string

/** What the import says of a line or of a mapping (server/audit/import), as messages of `imports.said`; groups are their values. */
const SAID: readonly [RegExp, Key][] = [
  [/^a (?:line|record) may have (?<count>\d+) bytes$/, 'lineBytes'],
  [/^the event may have (?<count>\d+) bytes$/, 'eventBytes'],
  [/^holds bytes that are no text /, 'encoding'],
  [/^has (?<count>\d+) columns, the first line has (?<first>\d+)$/, 'columns'],
  [/^the line is not a JSON object$/, 'notObject'],
  [/^the quote never closes/, 'csvUnclosed'],
  [/^text stands behind a closing quote$/, 'csvQuote'],
  [/^id: .* is missing$/, 'idMissing'],
  [/^action: is missing$/, 'actionMissing'],
  [/^occurredAt: (?<value>".*") is no time in the form (?<form>.+) on the clock of (?<zone>\S+)$/s, 'timeOf'],
  [/^occurredAt: (?<value>".*") is no time in the form (?<form>\S+)$/s, 'time'],
  [/^action: only the server can state (?<value>".*");/s, 'serverOnly'],
  [/^outcome: (?<value>".*") is none of (?<known>.+)$/s, 'outcome'],
  [/^target\.type: (?<value>".*") is not a lower-case word$/s, 'targetType'],
  [/^labels: may have at most (?<count>\d+)$/, 'labels'],
  [/^(?<field>[\w.]+): may have at most (?<count>\d+) characters$/, 'fieldLong'],
  [/^(?<field>[\w.]+): is not well-formed Unicode$/, 'unicode'],
  [/^is nested too deeply$/, 'nested'],
  [/^the file has no column (?<names>".*")$/s, 'noColumn'],
  [/^the first line is no text in this encoding/, 'firstLine'],
  [/^is not JSON$/, 'notJson'],
  [/^is empty$/, 'empty'],
  [/^may have at most (?<count>\d+) characters$/, 'long'],
  [/^may have at most (?<count>\d+) members$/, 'members'],
  [/^needs (?<known>[a-z, ]+? or [a-z]+)$/, 'needs'],
  [/^must be rfc3339, unix, unix_ms or /, 'timeForm'],
  [/^must be a zone like /, 'zone'],
  [/^must be 1 to 64 lower-case letters/, 'name'],
  // What zod says of a member's name in a record.
  [/^Invalid key in record$/, 'detailNames'],
  [/^must be (?<known>.+)$/, 'mustBe'],
  [/^Invalid option: expected one of (?<known>.+)$/, 'mustBe'],
  [/^Unrecognized keys?: (?<names>.+)$/, 'keys'],
  [/^Invalid input/, 'invalid'],
]

/** In the reader's language; null for a sentence that has no message. */
export function saidWords(t: Words, text: string): string | null {
  for (const [pattern, key] of SAID) {
    const found = pattern.exec(text)
    if (found) return t(key, valuesOf(found.groups ?? {}))
  }
  return null
}

function valuesOf({ count, first, ...texts }: Record<string, string>): Values {
  return { ...texts, ...(count && { count: Number(count) }), ...(first && { first: Number(first) }) }
}
