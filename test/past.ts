import { afterEach, beforeAll } from 'vitest'
import { bumpRevision, lockKeeping, writeRules } from '#server/audit/keeping/rules.ts'
import { KEEP_EVERYTHING, type RetentionRules } from '#server/audit/keeping/schema.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { testingOnlyAdvanceClock, testingOnlyResetClock } from '#server/kernel/clock.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import type { AuditDraft } from '#server/kernel/ledger.ts'
import type { TestDatabase } from './harness.ts'

/* The past of a log: when something was recorded, and for how long it is kept. */

export const DAY = 86_400_000

/** Months of the log for what is up to so many days old; after each test it is today again. */
export function usePast(db: TestDatabase, days: number): void {
  beforeAll(async () => {
    const from = new Date(Date.now() - days * DAY).toISOString()
    await db.superuser.query('SELECT audit_ensure_partitions($1::date, $2::integer)', [from, Math.ceil(days / 28)])
  })
  afterEach(() => testingOnlyResetClock())
}

/** Runs `run` as it was so many days ago. */
export async function daysAgo<T>(days: number, run: () => Promise<T>): Promise<T> {
  testingOnlyResetClock()
  testingOnlyAdvanceClock(-days * DAY)
  try {
    return await run()
  } finally {
    testingOnlyResetClock()
  }
}

/** One append. */
export async function recordDrafts(tenantId: string, drafts: readonly AuditDraft[]): Promise<void> {
  await runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'test.record' }, async () => ({
    result: null,
    audit: drafts,
  }))
}

/** Days by class; what is not named is kept for ever. */
export async function setRules(tenantId: string, rules: Partial<RetentionRules>): Promise<void> {
  await runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'test.rules' }, async ({ sql, now }) => {
    await lockKeeping(sql, tenantId)
    await writeRules(sql, tenantId, { ...KEEP_EVERYTHING, ...rules }, now)
    await bumpRevision(sql, tenantId)
    return { result: null, audit: { action: 'audit.retention' } }
  })
}
