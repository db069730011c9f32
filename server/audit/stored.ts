import 'server-only'
import type { Sql } from '#server/kernel/db.ts'

/** An entry as it stands in the database: the leaf's text and, until they are erased, the personal values beside it. */
export type StoredEntry = { index: number; recordedAt: Date; text: string; personal: string | null }

/** With the id under which it is linked to. */
export type IdentifiedEntry = StoredEntry & { id: string }

type Row = { index: string; id: string; recorded_at: Date | string; entry: string; personal: string | null }

type Stretch = { from: number; to: number; limit: number }

/**
 * Entries `from` (included) to `to` (excluded) in order, at most `limit`, of those that are not archived; what is no longer kept is left
 * out. Index: (tenant, index).
 */
export async function readStored(sql: Sql, tenantId: string, { from, to, limit }: Stretch): Promise<IdentifiedEntry[]> {
  const rows = await sql<Row>(
    `SELECT e.index::text, e.id::text, e.recorded_at, e.entry, e.personal FROM audit_entry e
      WHERE e.tenant_id = $1::uuid AND e.index >= $2::text::bigint AND e.index < $3::text::bigint ORDER BY e.index LIMIT $4::integer`,
    [tenantId, String(from), String(to), limit],
  )
  return rows.map((row) => ({
    index: Number(row.index),
    id: row.id,
    recordedAt: new Date(row.recorded_at),
    text: row.entry,
    personal: row.personal,
  }))
}
