import 'server-only'
import { defineCommand } from '#server/kernel/command.ts'
import type { Sql } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { tenantTarget } from '#server/tenants/queries.ts'
import { lockKeeping } from '../keeping/rules.ts'
import { archiveRuleInput } from './schema.ts'

/** After how many days a day of the log is archived; null: never. Index: the primary key. */
export async function readArchiveDays(sql: Sql, tenantId: string): Promise<number | null> {
  const [row] = await sql<{ days: number | null }>(
    'SELECT after_days AS days FROM audit_archive WHERE tenant_id = $1::uuid',
    [tenantId],
  )
  return row?.days ?? null
}

/**
 * Sets after how many days the log's days become files of the archive. What is there already stays there.
 * @throws AppError invalid · conflict when nothing changes
 */
export const setArchiveRule = defineCommand({
  action: 'audit.archive.rule',
  permission: 'admin',
  risk: 'reversible',
  input: archiveRuleInput,
  execute: async ({ tx, sql, tenantId, input: { days }, now }) => {
    await lockKeeping(sql, tenantId)
    const before = await readArchiveDays(sql, tenantId)
    if (before === days)
      throw new AppError('conflict', { detail: 'That is the rule already.', extra: { reason: 'same' } })
    await sql(
      `INSERT INTO audit_archive (tenant_id, after_days, changed_at) VALUES ($1::uuid, $2::integer, $3::text::timestamptz)
       ON CONFLICT (tenant_id) DO UPDATE SET after_days = excluded.after_days, changed_at = excluded.changed_at`,
      [tenantId, days, now.toISOString()],
    )
    return {
      result: { days },
      audit: {
        action: 'audit.archive.rule',
        target: await tenantTarget(tx, tenantId),
        detail: { archive: { before: inWords(before), after: inWords(days) } },
      },
      notify: ['keeping'],
    }
  },
})

function inWords(days: number | null): string {
  return days === null ? 'never' : `after ${days} days`
}
