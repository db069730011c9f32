import 'server-only'
import type { AuditEntry } from '#protocol/audit/entry.ts'
import type { Personal } from '#protocol/audit/personal.ts'
import { pgTransaction, readTransaction } from '#server/kernel/db.ts'
import { eachColdExpired } from '../archive/expired.ts'
import { readColdFiles, readColdTo } from '../archive/files.ts'
import { type Hold, readHolders } from './holds.ts'
import { type ExpiredEntry, listExpired } from './remove.ts'
import type { KeepingClass } from './schema.ts'

/** A page of expired entries and which of them holds keep. */
export type ExpiredPage = {
  entries: readonly ExpiredEntry[]
  /** By hold id. */
  held: ReadonlyMap<string, ReadonlySet<number>>
  isHeld: (index: number) => boolean
  /** More entries of the same file of the archive follow: it is written anew once for all that goes of it. */
  isWithinFile: boolean
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
  /** Only what is not archived; `after` is then where to begin. */
  inTables?: boolean
  /** So long a file of the archive is waited for; as long as it takes, unless given. */
  fetchMs?: number
  /** No more at once, of what is in the tables. */
  pageEvents?: number
}

const PAGE = 5_000

/** Everything of a class that has expired, a page at a time in the order of the log: a preview and a purge walk the same way. */
export async function* eachExpired(expiring: Expiring): AsyncGenerator<ExpiredPage, void> {
  const { holds } = expiring
  const texts = expiring.texts || holds.length > 0
  for await (const { entries, isWithinFile } of eachListed({ ...expiring, texts })) {
    const held = heldAmong(holds, entries)
    yield { entries, held, isHeld: (index) => holds.some(({ id }) => held.get(id)?.has(index)), isWithinFile }
  }
}

type Listed = Pick<ExpiredPage, 'entries' | 'isWithinFile'>

/** First what is in the archive, then what is in the tables. */
async function* eachListed(expiring: Expiring): AsyncGenerator<Listed, void> {
  const { tenantId, class: name, before, size, texts, inTables } = expiring
  const after = expiring.after ?? null
  const listing = { class: name, before, size, texts }
  const limit = Math.min(PAGE, expiring.pageEvents ?? PAGE)
  let place = after
  if (!inTables) {
    const cold = await readTransaction(tenantId, async ({ sql }) => ({
      to: await readColdTo(sql, tenantId),
      files: await readColdFiles(sql, tenantId),
    }))
    const fetchMs = expiring.fetchMs ?? Number.POSITIVE_INFINITY
    const archived = { ...listing, fetchMs, after: after?.index ?? -1 }
    for await (const { entries, isLast } of eachColdExpired(tenantId, cold.files, archived))
      yield { entries, isWithinFile: !isLast }
    if (after && after.index < cold.to) place = null
  }
  for (;;) {
    const from = place
    const entries = await pgTransaction('reader', tenantId, (_client, sql) =>
      listExpired(sql, tenantId, { ...listing, after: from, limit }),
    )
    if (entries.length > 0) yield { entries, isWithinFile: false }
    if (entries.length < limit) return
    place = entries.at(-1) ?? null
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
