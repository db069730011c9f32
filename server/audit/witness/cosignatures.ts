import 'server-only'
import { addCosignatures } from '#protocol/audit/cosignature.ts'
import type { Sql } from '#server/kernel/db.ts'
import { type Checkpoint, listCheckpoints } from '../checkpoints.ts'
import { lastPublished } from '../published.ts'
import type { EventProof } from '../schema.ts'
import type { Head } from '../tree.ts'
import type { CosignatureView } from './schema.ts'

type Line = { size: string; name: string; line: string; at: Date | string }

/** The cosignatures of checkpoints of one epoch, from `from` entries on; largest first. Index: the primary key. */
export async function listCosignatures(
  sql: Sql,
  tenantId: string,
  { epoch, from, limit }: { epoch: number; from: number; limit: number },
): Promise<(CosignatureView & { size: number; line: string })[]> {
  const rows = await sql<Line>(
    `SELECT c.size::text, a.name, c.line, c.cosigned_at AS at FROM audit_cosignature c
       JOIN audit_anchor a ON a.tenant_id = c.tenant_id AND a.id = c.anchor_id
      WHERE c.tenant_id = $1::uuid AND c.epoch = $2::integer AND c.size >= $3::text::bigint ORDER BY c.size DESC, a.name LIMIT $4::integer`,
    [tenantId, epoch, String(from), limit],
  )
  return rows.map(({ size, name, line, at }) => ({ size: Number(size), name, line, at: new Date(at).toISOString() }))
}

/** A checkpoint's note with the lines of those who cosigned it. */
export async function cosignedNote(sql: Sql, tenantId: string, { epoch, size, note }: Checkpoint): Promise<string> {
  const rows = await sql<{ line: string }>(
    `SELECT line FROM audit_cosignature WHERE tenant_id = $1::uuid AND epoch = $2::integer AND size = $3::text::bigint ORDER BY line`,
    [tenantId, epoch, String(size)],
  )
  return addCosignatures(
    note,
    rows.map(({ line }) => line),
  )
}

/** What a log serves as its checkpoint: the newest that was signed, with its cosignatures; of an abandoned epoch the last. */
export async function servedCheckpoint(
  sql: Sql,
  tenantId: string,
  { head, epoch }: { head: Head; epoch: number },
): Promise<string | undefined> {
  const published = lastPublished(tenantId, epoch)
  const [stored] = epoch === head.epoch ? await listCheckpoints(sql, tenantId, 1) : []
  // A database that went back does not make the log any shorter: what was published stands.
  if (stored && stored.size >= (published?.size ?? 0)) return cosignedNote(sql, tenantId, stored)
  return published?.note
}

/**
 * The checkpoint that proves entry `index` best: the newest that a witness cosigned, else the newest; null while none covers it.
 */
export async function checkpointFor(
  sql: Sql,
  tenantId: string,
  index: number,
): Promise<(Checkpoint & { full: string }) | null> {
  const [newest] = await listCheckpoints(sql, tenantId, 1)
  if (!newest || newest.size <= index) return null
  const [row] = await sql<{ size: string; note: string; at: Date | string }>(
    `SELECT c.size::text, p.note, p.signed_at AS at FROM audit_cosignature c
       JOIN audit_checkpoint p ON p.tenant_id = c.tenant_id AND p.epoch = c.epoch AND p.size = c.size
      WHERE c.tenant_id = $1::uuid AND c.epoch = $2::integer AND c.size > $3::text::bigint ORDER BY c.size DESC LIMIT 1`,
    [tenantId, newest.epoch, String(index)],
  )
  const chosen = row
    ? { epoch: newest.epoch, size: Number(row.size), note: row.note, signedAt: new Date(row.at) }
    : newest
  return { ...chosen, full: await cosignedNote(sql, tenantId, chosen) }
}

/** The newest cosignature of the epoch on a tree that holds entry `index`. Index: the primary key. */
export async function witnessOver(
  sql: Sql,
  tenantId: string,
  { epoch, index }: { epoch: number; index: number },
): Promise<EventProof['witnessed']> {
  const [newest] = await listCosignatures(sql, tenantId, { epoch, from: index + 1, limit: 1 })
  return newest ? { name: newest.name, size: newest.size, at: newest.at } : null
}
