import 'server-only'
import { equalBytes, hexEncode } from '#lib/bytes.ts'
import { openCheckpoint, signCheckpoint } from '#protocol/audit/checkpoint.ts'
import { rootOf } from '#protocol/audit/merkle.ts'
import { rootFromTiles } from '#protocol/audit/merkle-prove.ts'
import { NoteError } from '#protocol/audit/note.ts'
import { now } from '#server/kernel/clock.ts'
import { pgTransaction, type Sql, systemTransaction } from '#server/kernel/db.ts'
import { createSigner, readSigner } from './log-key.ts'
import { lastPublished, type Published, publish } from './published.ts'
import type { LogState } from './schema.ts'
import { type Head, readHead, tileReader } from './tree.ts'

export type Checkpoint = { size: number; note: string; signedAt: Date }

/** Signed checkpoints, newest first. Index: the primary key. */
export async function listCheckpoints(sql: Sql, tenantId: string, limit: number): Promise<Checkpoint[]> {
  const rows = await sql<CheckpointRow>(
    'SELECT c.size::text, c.note, c.signed_at AS at FROM audit_checkpoint c WHERE c.tenant_id = $1::uuid ORDER BY c.size DESC LIMIT $2::integer',
    [tenantId, limit],
  )
  return rows.map(readCheckpoint)
}

/** The first checkpoint that covers entry `index`. Index: the primary key. */
export async function firstCheckpointOver(sql: Sql, tenantId: string, index: number): Promise<Checkpoint | null> {
  const [row] = await sql<CheckpointRow>(
    'SELECT c.size::text, c.note, c.signed_at AS at FROM audit_checkpoint c WHERE c.tenant_id = $1::uuid AND c.size > $2::text::bigint ORDER BY c.size LIMIT 1',
    [tenantId, String(index)],
  )
  return row ? readCheckpoint(row) : null
}

type CheckpointRow = { size: string; note: string; at: Date | string }

function readCheckpoint({ size, note, at }: CheckpointRow): Checkpoint {
  return { size: Number(size), note, signedAt: new Date(at) }
}

/** Compares the database with what was published outside of it: an old backup, or a log that was rewritten, shows here. */
export async function logState(sql: Sql, tenantId: string, head: Head): Promise<LogState> {
  const published = lastPublished(tenantId)
  const signer = await readSigner(tenantId)
  if (!signer) return published || (await listCheckpoints(sql, tenantId, 1)).length > 0 ? 'key_missing' : 'unsigned'
  if (!published) return 'unsigned'
  if (published.size > head.size) return 'behind'
  try {
    const { checkpoint } = await openCheckpoint(published.note, signer.vkey)
    const root = await rootFromTiles(checkpoint.size, tileReader(sql, tenantId, head))
    return equalBytes(root, checkpoint.root) ? 'ok' : 'different'
  } catch (error) {
    // Neither a forged line nor a missing tile is a beginning of this log.
    if (error instanceof NoteError || error instanceof RangeError) return 'different'
    throw error
  }
}

/** What became of an attempt to sign. */
export type Signed = { state: LogState; size: number | null }

/**
 * Signs the head when the log has grown since the last checkpoint and extends everything signed before. One signer at a
 * time for each organisation; whoever comes second has nothing to do.
 */
export async function signHead(tenantId: string): Promise<Signed> {
  // Outside a command: a signature is no act of anybody, and its table is not walled.
  return pgTransaction('writer', tenantId, async (_client, sql) => {
    const [lock] = await sql<{ locked: boolean }>(
      `SELECT pg_try_advisory_xact_lock(hashtextextended('gatehouse.checkpoint.' || $1::text, 0)) AS locked`,
      [tenantId],
    )
    if (!lock?.locked) return { state: 'ok', size: null }
    const head = await readHead(sql, tenantId)
    if (head.size === 0) return { state: 'unsigned', size: null }
    const state = await logState(sql, tenantId, head)
    if (state !== 'ok' && state !== 'unsigned') return { state, size: null }
    const [newest] = await listCheckpoints(sql, tenantId, 1)
    if (newest && newest.size >= head.size) return { state: 'ok', size: null }
    const checkpoint = await publishedHead(tenantId, head)
    await sql(
      `INSERT INTO audit_checkpoint (tenant_id, size, root, note, signed_at)
       VALUES ($1::uuid, $2::text::bigint, decode($3::text, 'hex'), $4::text, $5::text::timestamptz)`,
      [tenantId, String(head.size), hexEncode(rootOf(head.tree)), checkpoint.note, checkpoint.signedAt],
    )
    return { state: 'ok', size: head.size }
  })
}

/** Published first: if we die before the row is committed, the next attempt finds the same size outside and keeps that note. */
async function publishedHead(tenantId: string, head: Head): Promise<Published> {
  const before = lastPublished(tenantId)
  if (before?.size === head.size) return before
  const signer = (await readSigner(tenantId)) ?? (await createSigner(tenantId, head.origin))
  const note = await signCheckpoint({ origin: head.origin, size: head.size, root: rootOf(head.tree) }, signer)
  const checkpoint = { size: head.size, note, signedAt: now().toISOString() }
  publish(tenantId, checkpoint)
  return checkpoint
}

/** Organisations whose log has grown since it was signed last; with `all` every one that has entries. */
export async function logsToSign({ all = false }: { all?: boolean } = {}): Promise<string[]> {
  const rows = await systemTransaction((sql) =>
    sql<{ id: string }>(
      `SELECT h.tenant_id::text AS id FROM audit_head h
        WHERE h.size > CASE WHEN $1::boolean THEN 0 ELSE coalesce((SELECT max(c.size) FROM audit_checkpoint c WHERE c.tenant_id = h.tenant_id), 0) END`,
      [all],
    ),
  )
  return rows.map(({ id }) => id)
}
