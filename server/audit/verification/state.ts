import 'server-only'
import { pgTransaction, type Sql } from '#server/kernel/db.ts'
import { notifyChange } from '#server/kernel/notify.ts'
import type { Verification, VerificationPhase, VerificationProblem, VerificationRun } from './schema.ts'

/** What the page listens to. */
export const VERIFICATION_TOPIC = 'verification'

type Row = Omit<VerificationRun, 'checked' | 'size' | 'askedAt' | 'finishedAt' | 'result' | 'problem'> & {
  checked: string
  size: string
  asked_at: Date | string
  finished_at: Date | string | null
  result: string | null
  problem: string | null
}

/** The last verification that was asked for; null before the first. */
export async function readVerification(sql: Sql, tenantId: string): Promise<VerificationRun | null> {
  const [row] = await sql<Row>(
    `SELECT id::text, state, phase, checked::text, size::text, starts, asked_at, finished_at, result, problem
       FROM audit_verification WHERE tenant_id = $1::uuid`,
    [tenantId],
  )
  if (!row) return null
  const { id, state, phase, starts } = row
  return {
    ...{ id, state, phase, starts, checked: Number(row.checked), size: Number(row.size) },
    askedAt: new Date(row.asked_at).toISOString(),
    finishedAt: row.finished_at && new Date(row.finished_at).toISOString(),
    // We wrote both ourselves.
    result: row.result === null ? null : (JSON.parse(row.result) as Verification),
    problem: row.problem as VerificationProblem | null,
  }
}

/** Takes up what was asked for, or takes it up again; false when it is over, or another one was asked for since. */
export async function beginVerification(tenantId: string, id: string): Promise<boolean> {
  return write(tenantId, async (sql) => {
    const rows = await sql(
      `UPDATE audit_verification SET state = 'running', phase = 'entries', checked = 0, starts = starts + 1
        WHERE tenant_id = $1::uuid AND id = $2::uuid AND state IN ('queued', 'running') RETURNING 1`,
      [tenantId, id],
    )
    return rows.length > 0
  })
}

export type Progress = { phase: VerificationPhase; checked: number; size: number }

/** How far a verification has come; nothing where it is no longer running. */
export async function reportVerification(
  tenantId: string,
  id: string,
  { phase, checked, size }: Progress,
): Promise<void> {
  await write(tenantId, (sql) =>
    sql(
      `UPDATE audit_verification SET phase = $3::text, checked = $4::text::bigint, size = $5::text::bigint
        WHERE tenant_id = $1::uuid AND id = $2::uuid AND state = 'running'`,
      [tenantId, id, phase, String(checked), String(size)],
    ),
  )
}

/** What was asked for and is not over; null where nothing is. */
export function unfinishedVerification(tenantId: string): Promise<string | null> {
  return pgTransaction('reader', tenantId, async (_client, sql) => {
    const [row] = await sql<{ id: string }>(
      `SELECT id::text FROM audit_verification WHERE tenant_id = $1::uuid AND state IN ('queued', 'running')`,
      [tenantId],
    )
    return row?.id ?? null
  })
}

// How far the work has come is no act of anybody: the wall lets these columns through.
function write<T>(tenantId: string, run: (sql: Sql) => Promise<T>): Promise<T> {
  return pgTransaction('writer', tenantId, async (_client, sql) => {
    const result = await run(sql)
    await notifyChange(sql, { tenantId, topics: [VERIFICATION_TOPIC] })
    return result
  })
}
