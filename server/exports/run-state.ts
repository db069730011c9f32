import 'server-only'
import type { StoredMember } from '#server/audit/jobs.ts'
import { now } from '#server/kernel/clock.ts'
import { pgTransaction, type Sql } from '#server/kernel/db.ts'
import { notifyChange } from '#server/kernel/notify.ts'
import type { ExportProblem } from './schema.ts'

/** What the pages that show exports listen to. */
const TOPICS = ['export']

/** Progress is written down at most so often. */
const REPORT_MS = 500

// How far the work has come is no act of anybody: its table stands outside the wall.
function write<T>(tenantId: string, run: (sql: Sql) => Promise<T>): Promise<T> {
  return pgTransaction('writer', tenantId, (_client, sql) => run(sql))
}

export async function beginRun(tenantId: string, id: string): Promise<void> {
  await write(tenantId, async (sql) => {
    await sql(
      `INSERT INTO audit_export_run (tenant_id, id, state) VALUES ($1::uuid, $2::uuid, 'running')
       ON CONFLICT (tenant_id, id) DO UPDATE SET state = 'running'`,
      [tenantId, id],
    )
    await notifyChange(sql, { tenantId, topics: TOPICS })
  })
}

export async function beginSealing(tenantId: string, id: string): Promise<void> {
  await write(tenantId, async (sql) => {
    await sql(
      `UPDATE audit_export_run r SET state = 'sealing',
              events = (SELECT coalesce(sum((p.document->'events'->>'count')::bigint), 0) FROM audit_export_part p
                         WHERE p.tenant_id = r.tenant_id AND p.id = r.id)
        WHERE r.tenant_id = $1::uuid AND r.id = $2::uuid`,
      [tenantId, id],
    )
    await notifyChange(sql, { tenantId, topics: TOPICS })
  })
}

const reportedAt = new Map<string, number>()

/** Writes down how far it is, now and then; false when somebody cancelled it. */
export async function reportProgress(
  tenantId: string,
  id: string,
  { lookedThrough, events }: { lookedThrough: number; events: number },
): Promise<boolean> {
  const at = performance.now()
  if (at - (reportedAt.get(id) ?? Number.NEGATIVE_INFINITY) < REPORT_MS) return true
  reportedAt.set(id, at)
  return write(tenantId, async (sql) => {
    const rows = await sql<{ is_cancelled: boolean }>(
      `UPDATE audit_export_run r SET looked_through = $3::text::bigint, events = $4::text::bigint FROM audit_export e
        WHERE r.tenant_id = $1::uuid AND r.id = $2::uuid AND e.tenant_id = r.tenant_id AND e.id = r.id
        RETURNING e.cancelled_at IS NOT NULL AS is_cancelled`,
      [tenantId, id, String(lookedThrough), String(events)],
    )
    await notifyChange(sql, { tenantId, topics: TOPICS })
    return rows[0]?.is_cancelled === false
  })
}

export async function isCancelled(tenantId: string, id: string): Promise<boolean> {
  return write(tenantId, async (sql) => {
    const rows = await sql(
      'SELECT 1 FROM audit_export WHERE tenant_id = $1::uuid AND id = $2::uuid AND cancelled_at IS NOT NULL',
      [tenantId, id],
    )
    return rows.length > 0
  })
}

type End =
  | { state: 'cancelled' }
  | { state: 'failed'; problem: ExportProblem }
  | { state: 'ready'; members: StoredMember[]; sizeBytes: number; checkpointSize: number; expiresAt: Date }

export async function endRun(tenantId: string, id: string, end: End): Promise<void> {
  reportedAt.delete(id)
  const ready = end.state === 'ready' ? end : null
  await write(tenantId, async (sql) => {
    await sql(
      `INSERT INTO audit_export_run (tenant_id, id, state, problem, members, size_bytes, checkpoint_size, finished_at, expires_at)
       VALUES ($1::uuid, $2::uuid, $3::text, $4::text, $5::text::jsonb, $6::text::bigint, $7::text::bigint, $8::text::timestamptz, $9::text::timestamptz)
       ON CONFLICT (tenant_id, id) DO UPDATE SET state = excluded.state, problem = excluded.problem, members = excluded.members,
         size_bytes = excluded.size_bytes, checkpoint_size = excluded.checkpoint_size, finished_at = excluded.finished_at, expires_at = excluded.expires_at`,
      [
        tenantId,
        id,
        end.state,
        end.state === 'failed' ? JSON.stringify(end.problem) : null,
        ready && JSON.stringify(ready.members),
        ready && String(ready.sizeBytes),
        ready && String(ready.checkpointSize),
        now().toISOString(),
        ready?.expiresAt.toISOString() ?? null,
      ],
    )
    if (!ready) await sql('DELETE FROM audit_export_part WHERE tenant_id = $1::uuid AND id = $2::uuid', [tenantId, id])
    await notifyChange(sql, { tenantId, topics: TOPICS })
  })
}

/** The exports whose time is over count as expired from then on. */
export async function expireRuns(tenantId: string): Promise<void> {
  await write(tenantId, async (sql) => {
    const rows = await sql(
      `UPDATE audit_export_run SET state = 'expired', members = NULL
        WHERE tenant_id = $1::uuid AND state = 'ready' AND expires_at <= $2::text::timestamptz RETURNING 1`,
      [tenantId, now().toISOString()],
    )
    if (rows.length > 0) await notifyChange(sql, { tenantId, topics: TOPICS })
  })
}

/** Which of these have expired. */
export async function expiredAmong(tenantId: string, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return []
  return pgTransaction('reader', tenantId, async (_client, sql) => {
    const rows = await sql<{ id: string }>(
      `SELECT id::text FROM audit_export_run WHERE tenant_id = $1::uuid AND id = ANY($2::text[]::uuid[]) AND state = 'expired'`,
      [tenantId, ids],
    )
    return rows.map(({ id }) => id)
  })
}

/** A finished export: its size, and when it was finished (milliseconds). */
export type ReadyRun = { tenantId: string; id: string; sizeBytes: number; finishedAt: number }

export async function readyRuns(tenantId: string): Promise<ReadyRun[]> {
  return pgTransaction('reader', tenantId, async (_client, sql) => {
    const rows = await sql<{ id: string; size: string; at: Date | string }>(
      `SELECT id::text, size_bytes::text AS size, finished_at AS at FROM audit_export_run
        WHERE tenant_id = $1::uuid AND state = 'ready'`,
      [tenantId],
    )
    return rows.map(({ id, size, at }) => ({
      tenantId,
      id,
      sizeBytes: Number(size),
      finishedAt: new Date(at).getTime(),
    }))
  })
}

/** Ends the time of one export early: its room is needed. */
export async function expireRun(tenantId: string, id: string): Promise<void> {
  await write(tenantId, async (sql) => {
    await sql(
      `UPDATE audit_export_run SET state = 'expired', members = NULL WHERE tenant_id = $1::uuid AND id = $2::uuid AND state = 'ready'`,
      [tenantId, id],
    )
    await notifyChange(sql, { tenantId, topics: TOPICS })
  })
}

/** What was asked for and is not there yet, oldest first: its worker was killed, or has not begun. */
export async function unfinishedRuns(tenantId: string): Promise<string[]> {
  return pgTransaction('reader', tenantId, async (_client, sql) => {
    const rows = await sql<{ id: string }>(
      `SELECT e.id::text FROM audit_export e LEFT JOIN audit_export_run r ON r.tenant_id = e.tenant_id AND r.id = e.id
        WHERE e.tenant_id = $1::uuid AND coalesce(r.state, 'running') IN ('running', 'sealing') ORDER BY e.id`,
      [tenantId],
    )
    return rows.map(({ id }) => id)
  })
}
