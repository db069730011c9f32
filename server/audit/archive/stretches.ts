import 'server-only'
import type { Sql } from '#server/kernel/db.ts'
import { readStored, type StoredEntry } from '../stored.ts'
import { type ColdLog, openCold } from './cold-log.ts'

/** Whoever verifies asks for 256 entries after the other, and a file gives thousands for the same effort. */
const STRETCH = 8_192
const REMEMBERED = 4

const remembered = new Map<string, Promise<StoredEntry[]>>()

/** Entries `from` (included) to `to` (excluded), few of them, wherever they are kept; archived neighbours are remembered for the next question. */
export async function readAgain(sql: Sql, tenantId: string, from: number, to: number): Promise<StoredEntry[]> {
  const hot = await readStored(sql, tenantId, { from, to, limit: to - from })
  if (hot.length === to - from) return hot
  const cold = await openCold(sql, tenantId)
  if (!cold || from >= cold.to) return hot
  const archived: StoredEntry[] = []
  for (let at = from - (from % STRETCH); at < Math.min(to, cold.to); at += STRETCH)
    archived.push(...(await stretch(tenantId, cold, at)))
  return [...archived.filter(({ index }) => index >= from && index < to), ...hot]
}

function stretch(tenantId: string, cold: ColdLog, from: number): Promise<StoredEntry[]> {
  const to = Math.min(from + STRETCH, cold.to)
  const key = `${tenantId} ${from} ${cold.stateOf(from, to)}`
  const known = remembered.get(key)
  if (known) return known
  const read = cold.entriesBetween(from, to, to - from)
  remembered.set(key, read)
  read.catch(() => remembered.delete(key))
  for (const oldest of remembered.keys()) if (remembered.size > REMEMBERED) remembered.delete(oldest)
  return read
}
