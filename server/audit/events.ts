import 'server-only'
import { isUuidv7, uuidv7TimeMs } from '#lib/uuid.ts'
import type { AuditEntry } from '#protocol/audit/entry.ts'
import type { Personal } from '#protocol/audit/personal.ts'
import type { Sql, Tx } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import type { Candidate } from './scan.ts'

/** The last moment that has a form; a UUIDv7 can hold later ones. */
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z')

type Row = { index: string; recorded_at: Date | string; entry: string; personal: string | null }

/** One event by its id: the id holds when it was recorded, which finds the partition. Index: BRIN. @throws AppError not_found */
export async function findEvent(sql: Sql, tenantId: string, id: string): Promise<Candidate> {
  const [row] =
    isUuidv7(id) && uuidv7TimeMs(id) <= LAST_MS
      ? await sql<Row>(
          `SELECT e.index::text, e.recorded_at, e.entry, e.personal FROM audit_entry e
          WHERE e.tenant_id = $1::uuid AND e.recorded_at = $3::text::timestamptz AND e.id = $2::uuid`,
          [tenantId, id, new Date(uuidv7TimeMs(id)).toISOString()],
        )
      : []
  if (!row) throw new AppError('not_found', { detail: 'There is no such event.' })
  return {
    index: Number(row.index),
    recordedAt: new Date(row.recorded_at),
    text: row.entry,
    entry: JSON.parse(row.entry) as AuditEntry,
    personal: row.personal === null ? undefined : (JSON.parse(row.personal) as Personal),
    personalText: row.personal,
  }
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
