import { expect, test } from 'vitest'
import zh from '#messages/zh/errors.json' with { type: 'json' }
import { parseQuery } from '#protocol/audit/query-parse.ts'
import { placeHoldInput } from '#server/audit/keeping/schema.ts'
import { fieldMessage } from './field-message.ts'

const search = { kind: 'search', name: 'Case-7', reason: 'litigation' }

/** What the schema says of the first field that it does not take. */
function problemOf(hold: object): string {
  return placeHoldInput.safeParse(hold).error?.issues[0]?.message ?? 'it is taken'
}

function problemOfQuery(q: string): string {
  try {
    return `${q} can be read: ${parseQuery(q).kind}`
  } catch (error) {
    return error instanceof Error ? error.message : ''
  }
}

test.each([
  [problemOf({ ...search, name: '' }), 'tooShort'],
  [problemOf({ ...search, name: 'x'.repeat(5_000) }), 'tooLong'],
  [problemOf({ ...search, name: 'a\u202eb' }), 'characters'],
  [problemOf({ ...search, from: 'soon' }), 'time'],
  [problemOf({ ...search, kind: 'device', targetId: "' OR 1=1" }), 'unknown'],
  [problemOfQuery('ip:999'), 'query'],
  ['must be later than from', 'later'],
  ['is not there', 'unknown'],
  ['is something that nobody thought of', null],
] as const)('%s', (problem, message) => {
  expect(fieldMessage(problem)).toBe(message)
  if (message) expect(zh.field[message]).toMatch(/\p{Script=Han}/u)
})
