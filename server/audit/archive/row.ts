import 'server-only'
import type { AddressRange } from '#protocol/audit/address.ts'
import type { AuditEntry } from '#protocol/audit/entry.ts'
import type { Personal } from '#protocol/audit/personal.ts'
import { addressOf, keysOf, TEXT_SCOPES, type TextScope, textsOf } from '#protocol/audit/terms.ts'
import { tokensOf } from '#protocol/audit/words.ts'
import type { StoredEntry } from '../stored.ts'

/**
 * An entry as a row of an archive's file: the leaf and its personal values as they are, beside them what is searched. Times in
 * milliseconds. `keys` are the index's own (protocol/audit/terms.ts) but for ids of single events, which would double the file;
 * `…_words` are tokens in their order, ` like this `, a line for each text; `address` is its family and its bits in hex.
 */
export type ColdRow = {
  index: number
  recorded_at: number
  occurred_at: number
  class: string
  outcome: string
  keys: string[]
  address: string | null
  address_bits: number | null
  entry: string
  personal: string | null
} & Record<WordColumn, string | null>

/** The columns in the order of the file, with the engine's types. */
export const COLD_COLUMNS = {
  index: 'BIGINT',
  recorded_at: 'BIGINT',
  occurred_at: 'BIGINT',
  class: 'VARCHAR',
  outcome: 'VARCHAR',
  keys: 'VARCHAR[]',
  actor_words: 'VARCHAR',
  device_words: 'VARCHAR',
  target_words: 'VARCHAR',
  reason_words: 'VARCHAR',
  other_words: 'VARCHAR',
  address: 'VARCHAR',
  address_bits: 'SMALLINT',
  entry: 'VARCHAR',
  personal: 'VARCHAR',
} as const satisfies Record<keyof ColdRow, string>

type WordColumn = `${TextScope}_words`

/** `class` is that of the table, which no entry states. @throws SyntaxError on a text that is no JSON */
export function coldRow({ index, recordedAt, text, personal }: StoredEntry, className: string): ColdRow {
  const entry = JSON.parse(text) as AuditEntry
  const values = personal === null ? undefined : (JSON.parse(personal) as Personal)
  const address = addressOf(values)
  return {
    index,
    recorded_at: recordedAt.getTime(),
    occurred_at: Date.parse(entry.occurredAt),
    class: className,
    outcome: entry.outcome,
    keys: keysOf(entry, values).filter((key) => !key.startsWith('own:') && !key.startsWith('id:')),
    ...wordColumns(entry, values),
    address: address && addressKey(address),
    address_bits: address?.length ?? null,
    entry: text,
    personal,
  }
}

/** An address or the beginning of its range as text that sorts as addresses do. */
export function addressKey({ family, bytes }: AddressRange): string {
  return `${family}${bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('')}`
}

/** The column in which the words of a scope stand. */
export function wordColumn(scope: TextScope): WordColumn {
  return `${scope}_words`
}

function wordColumns(entry: AuditEntry, values: Personal | undefined): Record<WordColumn, string | null> {
  const lines = new Map<TextScope, string[]>()
  for (const [scope, text] of textsOf(entry, values)) {
    const tokens = tokensOf(text)
    if (tokens.length > 0) lines.set(scope, [...(lines.get(scope) ?? []), ` ${tokens.join(' ')} `])
  }
  return Object.fromEntries(
    TEXT_SCOPES.map((scope) => [wordColumn(scope), lines.get(scope)?.join('\n') ?? null]),
  ) as Record<WordColumn, string | null>
}
