import 'server-only'
import type { AuditEntry } from '#protocol/audit/entry.ts'
import type { Personal } from '#protocol/audit/personal.ts'
import { readTransaction } from '#server/kernel/db.ts'
import { errorCodeOf } from '#server/kernel/errors.ts'
import { gettingFirst } from '#server/kernel/needed-first.ts'
import { type ColdLog, openCold } from '../archive/cold-log.ts'
import { readColdFiles } from '../archive/files.ts'
import type { StoredEntry } from '../stored.ts'
import { type Head, readHead } from '../tree.ts'
import { type Hold, readHolders, readHolds } from './holds.ts'
import { eraseArchived, STALE } from './remove.ts'

/** Holds that change this often while a file is written anew: the job is tried again later. */
const MOST_RETRIES = 5
const READ_AT_ONCE = 2_000

type Erasing = { erasureId: string; indexes: readonly number[] }

/**
 * Erases the personal values of archived entries, ascending, file by file, but for those that holds keep, which are added to `kept`.
 * Called again after a crash it goes over the same entries, which is harmless. The caller holds the organisation's lock.
 */
export async function eraseInArchive(
  tenantId: string,
  { erasureId, indexes }: Erasing,
  kept: Set<number>,
): Promise<void> {
  if (indexes.length === 0) return
  const { files, head } = await readTransaction(tenantId, async ({ sql }) => ({
    files: await readColdFiles(sql, tenantId),
    head: await readHead(sql, tenantId),
  }))
  for (const { from, to } of files) {
    const own = indexes.filter((index) => index >= from && index < to)
    if (own.length === 0) continue
    for (const index of await eraseInFile(tenantId, { erasureId, indexes: own }, head)) kept.add(index)
  }
}

/** Answers what holds keep. */
async function eraseInFile(tenantId: string, { erasureId, indexes }: Erasing, head: Head): Promise<readonly number[]> {
  for (let attempt = 1; ; attempt++) {
    const { revision, holds } = await readHolds(tenantId)
    const { going, held } = await sortOut(tenantId, { erasureId, indexes }, holds)
    if (going.length === 0) return held
    try {
      await eraseArchived(tenantId, { erasureId, revision, indexes: going }, head)
      return held
    } catch (error) {
      if (errorCodeOf(error) !== STALE || attempt > MOST_RETRIES) throw error
    }
  }
}

/** What still has personal values, by whether a hold keeps them. Who asked for the erasure, and why, stays to be read. */
async function sortOut(
  tenantId: string,
  { erasureId, indexes }: Erasing,
  holds: readonly Hold[],
): Promise<{ going: number[]; held: number[] }> {
  const holdersOf = readHolders(holds)
  const cold = await readTransaction(tenantId, ({ sql }) => openCold(sql, tenantId))
  const sorted = { going: [] as number[], held: [] as number[] }
  for (let at = 0; at < indexes.length; at += READ_AT_ONCE)
    for (const { index, text, personal } of await readAt(cold, indexes.slice(at, at + READ_AT_ONCE))) {
      if (personal === null) continue
      const entry = JSON.parse(text) as AuditEntry
      if (entry.correlationId === erasureId) continue
      const isHeld = holdersOf(entry, JSON.parse(personal) as Personal).length > 0
      sorted[isHeld ? 'held' : 'going'].push(index)
    }
  return sorted
}

/** Nobody waits: a file that has to be fetched has all the time that its bucket takes. */
async function readAt(cold: ColdLog | null, indexes: readonly number[]): Promise<readonly StoredEntry[]> {
  return cold ? gettingFirst(Number.POSITIVE_INFINITY, () => cold.entriesAt(indexes)) : []
}
