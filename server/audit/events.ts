import 'server-only'
import { isUuidv7, uuidv7TimeMs } from '#lib/uuid.ts'
import type { Sql, Tx } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { openCold } from './archive/cold-log.ts'
import { type Candidate, toCandidate } from './scan.ts'

/** The last moment that has a form; a UUIDv7 can hold later ones. */
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z')

type Row = { index: string; recorded_at: Date | string; entry: string; personal: string | null }

/** One event by its id: the id holds when it was recorded, which finds the partition or the file. Index: BRIN. @throws AppError not_found */
export async function findEvent(sql: Sql, tenantId: string, id: string): Promise<Candidate> {
  const isOne = isUuidv7(id) && uuidv7TimeMs(id) <= LAST_MS
  const found = isOne ? ((await findHot(sql, tenantId, id)) ?? (await findCold(sql, tenantId, id))) : undefined
  if (!found) throw new AppError('not_found', { detail: 'There is no such event.' })
  return found
}

async function findHot(sql: Sql, tenantId: string, id: string): Promise<Candidate | undefined> {
  const [row] = await sql<Row>(
    `SELECT e.index::text, e.recorded_at, e.entry, e.personal FROM audit_entry e
      WHERE e.tenant_id = $1::uuid AND e.recorded_at = $3::text::timestamptz AND e.id = $2::uuid`,
    [tenantId, id, new Date(uuidv7TimeMs(id)).toISOString()],
  )
  if (!row) return undefined
  const { index, recorded_at, entry, personal } = row
  return toCandidate({ index: Number(index), recordedAt: new Date(recorded_at), text: entry, personal })
}

async function findCold(sql: Sql, tenantId: string, id: string): Promise<Candidate | undefined> {
  const cold = await openCold(sql, tenantId)
  const stored = cold ? await cold.entriesOf(uuidv7TimeMs(id)) : []
  return stored.map(toCandidate).find(({ entry }) => entry.id === id.toLowerCase())
}

/** What ids are called today: people, devices, files, keys and policies of the organisation. */
export async function namesNow(
  tx: Tx,
  tenantId: string,
  ids: readonly (string | undefined)[],
): Promise<Record<string, string>> {
  const wanted = [...new Set(ids.filter((id) => id !== undefined && isUuidv7(id)))] as string[]
  if (wanted.length === 0) return {}
  const where = { tenantId, id: { in: wanted } }
  const select = { id: true, name: true } as const
  const found = await Promise.all([
    tx.person.findMany({ where, select }),
    tx.device.findMany({ where, select }),
    tx.file.findMany({ where, select }),
    tx.apiKey.findMany({ where, select }),
    tx.policy.findMany({ where, select }),
  ])
  return Object.fromEntries(found.flat().map(({ id, name }) => [id, name]))
}
