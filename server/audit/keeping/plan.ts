import 'server-only'
import type { AuditEntry } from '#protocol/audit/entry.ts'
import type { Personal } from '#protocol/audit/personal.ts'
import { pgTransaction } from '#server/kernel/db.ts'
import { type Hold, heldIn, readHolders } from './holds.ts'
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
  /** Reads the entries themselves: what removes looks at each with its own eyes and not through the index alone. */
  texts: boolean
}

const PAGE = 5_000

/** Everything of a class that has expired, a page at a time in the order of the log: a preview and a purge walk the same way. */
export async function* eachExpired(expiring: Expiring): AsyncGenerator<ExpiredPage, void> {
  const { tenantId, before, size, holds, texts } = expiring
  let after = expiring.after ?? null
  for (;;) {
    const place = after
    const entries = await pgTransaction('reader', tenantId, (_client, sql) =>
      listExpired(sql, tenantId, { class: expiring.class, after: place, before, size, limit: PAGE, texts }),
    )
    const [first, last] = [entries[0], entries.at(-1)]
    if (!first || !last) return
    const asked = new Set(entries.map(({ index }) => index))
    const held = await heldIn(tenantId, holds, { first, last }, (index) => asked.has(index))
    if (texts) addSeen(held, holds, entries)
    yield { entries, held, isHeld: (index) => holds.some(({ id }) => held.get(id)?.has(index)) }
    if (entries.length < PAGE) return
    after = last
  }
}

/** Adds what the entries' own texts say: an index that had lost a word would otherwise cost what a hold protects. */
function addSeen(held: Map<string, Set<number>>, holds: readonly Hold[], entries: readonly ExpiredEntry[]): void {
  if (holds.length === 0) return
  const holdersOf = readHolders(holds)
  for (const { index, entry, personal } of entries) {
    const values = personal === null ? undefined : (JSON.parse(personal) as Personal)
    for (const { id } of holdersOf(JSON.parse(entry ?? '') as AuditEntry, values))
      held.set(id, (held.get(id) ?? new Set()).add(index))
  }
}
