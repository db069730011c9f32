import 'server-only'
import type { AuditEntry } from '#protocol/audit/entry.ts'
import type { Personal } from '#protocol/audit/personal.ts'
import { pgTransaction } from '#server/kernel/db.ts'
import { type Hold, readHolders } from './holds.ts'
import { type ExpiredEntry, listExpired } from './remove.ts'
import type { KeepingClass } from './schema.ts'

/** A page of expired entries and which of them holds keep. */
export type ExpiredPage = {
  entries: readonly ExpiredEntry[]
  /** By hold id. */
  held: ReadonlyMap<string, ReadonlySet<number>>
  isHeld: (index: number) => boolean
}

export type Expiring = {
  tenantId: string
  class: KeepingClass
  /** What was recorded before has expired. */
  before: Date
  /** Nothing is removed that was not signed. */
  size: number
  holds: readonly Hold[]
  after?: Pick<ExpiredEntry, 'index' | 'at'> | null
  /** Reads the entries also where no hold needs to see them. */
  texts: boolean
}

const PAGE = 5_000

/** Everything of a class that has expired, a page at a time in the order of the log: a preview and a purge walk the same way. */
export async function* eachExpired(expiring: Expiring): AsyncGenerator<ExpiredPage, void> {
  const { tenantId, before, size, holds } = expiring
  const texts = expiring.texts || holds.length > 0
  let after = expiring.after ?? null
  for (;;) {
    const place = after
    const entries = await pgTransaction('reader', tenantId, (_client, sql) =>
      listExpired(sql, tenantId, { class: expiring.class, after: place, before, size, limit: PAGE, texts }),
    )
    const last = entries.at(-1)
    if (!last) return
    const held = heldAmong(holds, entries)
    yield { entries, held, isHeld: (index) => holds.some(({ id }) => held.get(id)?.has(index)) }
    if (entries.length < PAGE) return
    after = last
  }
}

/** By the entries' own texts, not by the index: one that had lost a word would otherwise cost what a hold protects. */
function heldAmong(holds: readonly Hold[], entries: readonly ExpiredEntry[]): Map<string, Set<number>> {
  const held = new Map<string, Set<number>>()
  const holdersOf = readHolders(holds)
  for (const { index, entry, personal } of holds.length > 0 ? entries : []) {
    const values = personal === null ? undefined : (JSON.parse(personal) as Personal)
    for (const { id } of holdersOf(JSON.parse(entry ?? '') as AuditEntry, values))
      held.set(id, (held.get(id) ?? new Set()).add(index))
  }
  return held
}
