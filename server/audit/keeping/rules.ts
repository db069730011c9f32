import 'server-only'
import type { Sql } from '#server/kernel/db.ts'
import {
  KEEP_EVERYTHING,
  KEEPING_CLASSES,
  type KeepingClass,
  MONTHLY_FROM_DAYS,
  type RetentionRules,
} from './schema.ts'

const DAY_MS = 86_400_000

/** The rules as they stand; without a row a class is kept for ever. */
export async function readRules(sql: Sql, tenantId: string): Promise<RetentionRules> {
  const rows = await sql<{ class: KeepingClass; days: number | null }>(
    'SELECT class, days FROM audit_retention WHERE tenant_id = $1::uuid',
    [tenantId],
  )
  return { ...KEEP_EVERYTHING, ...Object.fromEntries(rows.map(({ class: name, days }) => [name, days])) }
}

/** Sets the rules of all classes; inside a command that holds `lockKeeping`. */
export async function writeRules(sql: Sql, tenantId: string, rules: RetentionRules, at: Date): Promise<void> {
  for (const name of KEEPING_CLASSES)
    await sql(
      `INSERT INTO audit_retention (tenant_id, class, days, changed_at) VALUES ($1::uuid, $2::text, $3::integer, $4::text::timestamptz)
       ON CONFLICT (tenant_id, class) DO UPDATE SET days = excluded.days, changed_at = excluded.changed_at
        WHERE audit_retention.days IS DISTINCT FROM excluded.days`,
      [tenantId, name, rules[name], at.toISOString()],
    )
}

/** The midnight (UTC) before which entries are older than so many days; null for ever. */
export function expiryOf(days: number | null, now: Date): Date | null {
  if (days === null) return null
  return new Date(Math.floor(now.getTime() / DAY_MS) * DAY_MS - days * DAY_MS)
}

/** What was recorded before goes by a rule: a long one lets a month go when all of it has expired, in one piece. Null where nothing goes. */
export function purgeBefore(days: number | null, now: Date): Date | null {
  const midnight = expiryOf(days, now)
  if (midnight === null || days === null || days < MONTHLY_FROM_DAYS) return midnight
  return new Date(Date.UTC(midnight.getUTCFullYear(), midnight.getUTCMonth()))
}

/** Which state of rules and holds it is; 0 before the first of either. */
export async function readRevision(sql: Sql, tenantId: string): Promise<number> {
  const [row] = await sql<{ revision: string }>('SELECT revision::text FROM audit_keeping WHERE tenant_id = $1::uuid', [
    tenantId,
  ])
  return Number(row?.revision ?? 0)
}

/**
 * Waits for a removal under way and keeps the next from beginning until this transaction has ended: what it changes about rules
 * or holds, that one sees. See `audit_keeping_revision` in the migration.
 */
export async function lockKeeping(sql: Sql, tenantId: string): Promise<void> {
  await sql(`SELECT pg_advisory_xact_lock(hashtextextended('keeping:' || $1::text, 0))::text AS locked`, [tenantId])
}

/** What a purge, an erasure and the archive of an organisation lock, so that one of them works at a time. */
export function keepingRun(tenantId: string): string {
  return `keeping.run:${tenantId}`
}

/** What was planned before is void. Under `lockKeeping`. */
export async function bumpRevision(sql: Sql, tenantId: string): Promise<void> {
  await sql(
    `INSERT INTO audit_keeping (tenant_id, revision) VALUES ($1::uuid, 1)
     ON CONFLICT (tenant_id) DO UPDATE SET revision = audit_keeping.revision + 1`,
    [tenantId],
  )
}
