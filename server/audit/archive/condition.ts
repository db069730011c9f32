import 'server-only'
import { isUuidv7, uuidv7TimeMs } from '#lib/uuid.ts'
import type { AddressRange } from '#protocol/audit/address.ts'
import type { QueryNode } from '#protocol/audit/query.ts'
import { type EntryTest, testOf } from '#protocol/audit/query-match.ts'
import { isSingle } from '#protocol/audit/words.ts'
import type { EngineValue } from './engine/client.ts'
import { addressKey, wordColumn } from './row.ts'

/** A condition of the engine's SQL over the columns of row.ts; true or false, never null. */
export type Condition = { sql: string; values: readonly EngineValue[] }

/** What matches a query, decided by the columns alone: it agrees with `matchesQuery` on every entry. */
export function conditionOf(query: QueryNode): Condition {
  switch (query.kind) {
    case 'all':
      return { sql: 'true', values: [] }
    case 'not': {
      const { sql, values } = conditionOf(query.item)
      return { sql: `NOT (${sql})`, values }
    }
    case 'term':
      return testCondition(testOf(query))
    default:
      return joined(query.kind === 'and' ? 'AND' : 'OR', query.items.map(conditionOf))
  }
}

/** All of them, or any. */
export function joined(word: 'AND' | 'OR', conditions: readonly Condition[]): Condition {
  if (conditions.length === 0) return { sql: word === 'AND' ? 'true' : 'false', values: [] }
  return {
    sql: conditions.map(({ sql }) => `(${sql})`).join(` ${word} `),
    values: conditions.flatMap(({ values }) => values),
  }
}

function testCondition(test: EntryTest): Condition {
  switch (test.kind) {
    case 'key':
      return keyCondition(test.key)
    case 'keyPrefix':
      return { sql: `len(list_filter(keys, lambda k: starts_with(k, ?))) > 0`, values: [test.prefix] }
    case 'range':
      return rangeCondition(test.range)
    case 'any':
      return joined('OR', test.tests.map(testCondition))
    case 'sequence': {
      const last = test.tokens.at(-1) ?? ''
      const text = ` ${test.tokens.join(' ')}${test.prefix && !isSingle(last) ? '' : ' '}`
      return joined(
        'OR',
        test.scopes.map((scope) => ({ sql: `coalesce(contains(${wordColumn(scope)}, ?), false)`, values: [text] })),
      )
    }
  }
}

/** Ids of single events have no column: their own is found by its time, others are looked for in the texts. */
function keyCondition(key: string): Condition {
  const id = key.slice(key.indexOf(':') + 1)
  if (key.startsWith('own:'))
    return isUuidv7(id)
      ? {
          sql: `recorded_at = ? AND coalesce(json_extract_string(entry, '$.id') = ?, false)`,
          values: [uuidv7TimeMs(id), id],
        }
      : { sql: 'false', values: [] }
  if (key.startsWith('id:'))
    return {
      sql: `(contains(entry, ?) AND coalesce(json_extract_string(entry, '$.correlationId') = ?, false)) OR coalesce(lower(json_extract_string(personal, '$.senderId')) = ?, false)`,
      values: [id, id, id],
    }
  return { sql: 'list_contains(keys, ?)', values: [key] }
}

function rangeCondition(range: AddressRange): Condition {
  const last = range.bytes.map((byte, i) => byte | (0xff >> Math.min(8, Math.max(0, range.length - 8 * i))))
  return {
    sql: `coalesce(address BETWEEN ? AND ? AND address_bits >= ?, false)`,
    values: [addressKey(range), addressKey({ ...range, bytes: last }), range.length],
  }
}
