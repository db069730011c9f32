import { formatQuery, QUERY_FIELDS, type QueryField } from '#protocol/audit/query.ts'
import { condition } from './_query-text.ts'

/** The word at the caret: where it stands, its sign, its field and what of its value is written. */
export type Word = { start: number; end: number; sign: string; field: QueryField | null; value: string }

/** What would stand in place of the word: the text, what it is called and what tells it from others of that name. */
export type Completion = { text: string; name: string; hint?: string }

/** A value to choose from and its name in the reader's language. */
export type Choice = { value: string; name?: string; hint?: string }

/** The word that the caret stands in or behind; quotes keep spaces together. */
export function wordAt(text: string, caret: number): Word {
  let start = 0
  let quoted = false
  for (let at = 0; at < caret; at++) {
    const sign = text[at] ?? ''
    if (sign === '"') quoted = !quoted
    else if (!quoted && /[\s()]/.test(sign)) start = at + 1
  }
  const rest = quoted ? /^[^"]*"?/ : /^[^\s()]*/
  const end = caret + (rest.exec(text.slice(caret))?.[0].length ?? 0)
  const [, sign = '', named, value = ''] = /^(-?)(?:([a-z]+):)?(.*)$/s.exec(text.slice(start, caret)) ?? []
  const field = QUERY_FIELDS.find((name) => name === named) ?? null
  const written = field === null && named !== undefined ? `${named}:${value}` : value
  return { start, end, sign, field, value: written.replaceAll('"', '') }
}

/** The text with the word completed, and where the caret then stands. A field waits for its value, a value is followed by a space. */
export function complete(
  text: string,
  { start, end, sign }: Word,
  completion: Completion,
): { text: string; caret: number } {
  const tail = completion.text.endsWith(':') || text[end] === ' ' ? '' : ' '
  const written = `${sign}${completion.text}${tail}`
  const gap = text[end] === ' ' && !completion.text.endsWith(':') ? 1 : 0
  return { text: `${text.slice(0, start)}${written}${text.slice(end)}`, caret: start + written.length + gap }
}

/** Fields that begin with what is written, by their own name or the reader's. */
export function fieldCompletions(value: string, nameOf: (field: QueryField) => string): Completion[] {
  const wanted = value.toLowerCase()
  return QUERY_FIELDS.filter((field) => field.startsWith(wanted) || nameOf(field).toLowerCase().startsWith(wanted)).map(
    (field) => ({ text: `${field}:`, name: nameOf(field) }),
  )
}

/** Choices that hold what is written, those that begin with it first. */
export function valueCompletions(field: QueryField, value: string, choices: readonly Choice[]): Completion[] {
  const wanted = value.toLowerCase()
  const texts = (choice: Choice) => [choice.value, choice.name ?? ''].map((text) => text.toLowerCase())
  const begins = (choice: Choice) => texts(choice).some((text) => text.startsWith(wanted))
  return choices
    .filter((choice) => choice.value !== wanted && texts(choice).some((text) => text.includes(wanted)))
    .sort((a, b) => Number(begins(b)) - Number(begins(a)))
    .map(({ value: chosen, name, hint }) => ({
      text: formatQuery(condition(field, chosen)),
      name: name ?? chosen,
      ...(hint && { hint }),
    }))
}
