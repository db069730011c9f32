import type { Sql } from './db.ts'

/** Work for the background process, added in the transaction that asks for it: no commit, no job. */
export type Job = {
  task: string
  payload: Record<string, unknown> & { tenantId: string }
  runAt?: Date
  /** Behind every job that waits now, but one with this key keeps its place; others go before those that were asked for with a time. */
  isLast?: boolean
  /** A waiting job with the same key is replaced. */
  key?: string
}

export async function enqueueJobs(sql: Sql, jobs: readonly Job[]): Promise<void> {
  for (const { task, payload, runAt, isLast, key } of jobs) {
    await sql('SELECT enqueue_job($1::text, $2::text::json, $3::text::timestamptz, $4::text)::text AS done', [
      task,
      JSON.stringify(payload),
      isLast ? null : (runAt ?? new Date(0)).toISOString(),
      key ?? null,
    ])
  }
}
