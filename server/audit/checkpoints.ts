import 'server-only'
import { hexEncode } from '#lib/bytes.ts'
import { signCheckpoint } from '#protocol/audit/checkpoint.ts'
import { rootOf } from '#protocol/audit/merkle.ts'
import { now } from '#server/kernel/clock.ts'
import { pgTransaction, type Sql, systemTransaction } from '#server/kernel/db.ts'
import { createSigner, readSigner } from './log-key.ts'
import { lastPublished, newestEpoch, type Published, publish, publishedLogs } from './published.ts'
import type { Head } from './tree.ts'
import { checkLog, freezeAsNeeded, isForked, type LogCheck } from './witness/check-log.ts'
import type { LogState } from './witness/schema.ts'

export type Checkpoint = { epoch: number; size: number; note: string; signedAt: Date }

/** Signed checkpoints of the current epoch, newest first. Index: the primary key. */
export async function listCheckpoints(sql: Sql, tenantId: string, limit: number): Promise<Checkpoint[]> {
  const rows = await sql<CheckpointRow>(
    `SELECT c.epoch, c.size::text, c.note, c.signed_at AS at FROM audit_checkpoint c
      WHERE c.tenant_id = $1::uuid AND c.epoch = (SELECT h.epoch FROM audit_head h WHERE h.tenant_id = $1::uuid)
      ORDER BY c.size DESC LIMIT $2::integer`,
    [tenantId, limit],
  )
  return rows.map(readCheckpoint)
}

/** The first checkpoint that covers entry `index`, of an earlier epoch as far as that one agrees. Index: the primary key. */
export async function firstCheckpointOver(sql: Sql, tenantId: string, index: number): Promise<Checkpoint | null> {
  const [row] = await sql<CheckpointRow>(
    `SELECT c.epoch, c.size::text, c.note, c.signed_at AS at
       FROM (SELECT 1 AS epoch UNION ALL SELECT a.epoch FROM audit_epoch a WHERE a.tenant_id = $1::uuid) e
      CROSS JOIN LATERAL (SELECT * FROM audit_checkpoint o WHERE o.tenant_id = $1::uuid AND o.epoch = e.epoch
                             AND o.size > $2::text::bigint ORDER BY o.size LIMIT 1) c
       LEFT JOIN LATERAL (SELECT a.agreed_size FROM audit_epoch a WHERE a.tenant_id = $1::uuid AND a.epoch > e.epoch
                           ORDER BY a.epoch LIMIT 1) n ON true
      WHERE n.agreed_size IS NULL OR c.size <= n.agreed_size ORDER BY c.epoch LIMIT 1`,
    [tenantId, String(index)],
  )
  return row ? readCheckpoint(row) : null
}

type CheckpointRow = { epoch: number; size: string; note: string; at: Date | string }

function readCheckpoint({ epoch, size, note, at }: CheckpointRow): Checkpoint {
  return { epoch, size: Number(size), note, signedAt: new Date(at) }
}

/** What became of an attempt to sign. */
export type Signed = { state: LogState; size: number | null }

/**
 * Signs the head when the log has grown since the last checkpoint and extends everything signed before. One signer at a
 * time for each organisation; whoever comes second has nothing to do. A log that contradicts what was published is frozen.
 */
export async function signHead(tenantId: string): Promise<Signed> {
  // Outside a command: a signature is no act of anybody, and its table is not walled.
  return pgTransaction('writer', tenantId, async (_client, sql) => {
    const [lock] = await sql<{ locked: boolean }>(
      `SELECT pg_try_advisory_xact_lock(hashtextextended('gatehouse.checkpoint.' || $1::text, 0)) AS locked`,
      [tenantId],
    )
    if (!lock?.locked) return { state: 'ok', size: null }
    const check = await checkLog(sql, tenantId)
    const { state, head, stored } = check
    await freezeAsNeeded(sql, tenantId, check)
    if (head.size === 0 || isForked(state) || state === 'key_missing') return { state, size: null }
    if (state === 'file_missing') await publishAgain(sql, tenantId, check)
    if (stored && stored.size >= head.size) return { state, size: null }
    const checkpoint = await publishedHead(tenantId, head)
    await sql(
      `INSERT INTO audit_checkpoint (tenant_id, epoch, size, root, note, signed_at)
       VALUES ($1::uuid, $2::integer, $3::text::bigint, decode($4::text, 'hex'), $5::text, $6::text::timestamptz)`,
      [tenantId, head.epoch, String(head.size), hexEncode(rootOf(head.tree)), checkpoint.note, checkpoint.signedAt],
    )
    return { state: state === 'unsigned' ? 'ok' : state, size: head.size }
  })
}

/** Published first: if we die before the row is committed, the next attempt finds the same size outside and keeps that note. */
async function publishedHead(tenantId: string, head: Head): Promise<Published> {
  const { epoch, size, origin, tree } = head
  const before = lastPublished(tenantId, epoch)
  if (before?.size === size) return before
  const signer = (await readSigner(tenantId, epoch)) ?? (await createSigner(tenantId, origin, epoch))
  const note = await signCheckpoint({ origin, size, root: rootOf(tree) }, signer)
  // The order of checkpoints is the order of time: a clock that steps back does not.
  const signedAt = new Date(Math.max(now().getTime(), before ? Date.parse(before.signedAt) : 0)).toISOString()
  publish(tenantId, epoch, { size, note, signedAt })
  return { size, note, signedAt }
}

const KEPT_AGAIN = 1_000

/** The file is gone or lacks what the database has: what was signed before is put there again, as far as it is known. */
async function publishAgain(sql: Sql, tenantId: string, { head, published }: LogCheck): Promise<void> {
  const notes = await listCheckpoints(sql, tenantId, KEPT_AGAIN)
  for (const { size, note, signedAt } of notes.reverse()) {
    if (size > (published?.size ?? 0)) publish(tenantId, head.epoch, { size, note, signedAt: signedAt.toISOString() })
  }
}

type HeadLine = { id: string; epoch: number; size: string; frozen: string | null; signed: string }

function heads(): Promise<HeadLine[]> {
  return systemTransaction((sql) =>
    sql<HeadLine>(
      `SELECT h.tenant_id::text AS id, h.epoch, h.size::text, h.frozen, coalesce((SELECT max(c.size) FROM audit_checkpoint c
               WHERE c.tenant_id = h.tenant_id AND c.epoch = h.epoch), 0)::text AS signed FROM audit_head h`,
    ),
  )
}

/**
 * Organisations whose log has grown since it was signed last, is frozen, or holds less than was published; with `all` every one
 * that has entries or had some.
 */
export async function logsToSign({ all = false }: { all?: boolean } = {}): Promise<string[]> {
  const lines = await heads()
  return lines.filter((line) => needsLook(line, all)).map(({ id }) => id)
}

function needsLook({ id, epoch, size, frozen, signed }: HeadLine, all: boolean): boolean {
  if (Number(size) > (all ? 0 : Number(signed)) || frozen !== null) return true
  const newest = newestEpoch(id)
  return newest > epoch || (lastPublished(id, newest)?.size ?? 0) > Number(size)
}

/** Organisations of which checkpoints were published and that the database does not know: it is older than they, or another. */
export async function unknownLogs(): Promise<string[]> {
  const known = new Set((await heads()).map(({ id }) => id))
  const published = new Set(publishedLogs().map(({ tenantId }) => tenantId))
  return [...published].filter((id) => !known.has(id)).sort()
}
