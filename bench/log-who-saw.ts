import type pg from 'pg'
import { uuidv7 } from '#lib/uuid.ts'
import { whoSaw } from '#server/audit/queries.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { DAY_MS, LANDMARKS } from './log-drafts.ts'

const MONTH_DAYS = 30
const CALLS = 3

/**
 * "Who saw this file" over a month that ended a month ago, for the file that is opened most: the first call, which writes the search
 * down, and the slowest of the next ones. The log is of the bench's own drafts.
 */
export async function timeWhoSaw(admin: pg.Client, tenantId: string): Promise<string> {
  const fileId = LANDMARKS.usualFile
  // The log is about files that nobody published.
  await admin.query('BEGIN')
  await admin.query('SET LOCAL session_replication_role = replica')
  await admin.query(
    `INSERT INTO file (tenant_id, id, root_id, size_bytes, sha256, content_id, name, media_type, status)
     VALUES ($1, $2, $2, 1, '\\x00', $3, 'Board deck 0.pdf', 'application/pdf', 'published') ON CONFLICT DO NOTHING`,
    [tenantId, fileId, uuidv7()],
  )
  await admin.query('COMMIT')
  const toMs = Math.floor(Date.now() / DAY_MS) * DAY_MS - MONTH_DAYS * DAY_MS
  const [from, to] = [toMs - MONTH_DAYS * DAY_MS, toMs].map((time) => new Date(time).toISOString())
  const { rows } = await admin.query<{ n: string }>(
    'SELECT count(*) AS n FROM audit_entry WHERE tenant_id = $1 AND recorded_at >= $2 AND recorded_at < $3',
    [tenantId, from, to],
  )
  const call = async () => {
    const startedMs = performance.now()
    const { coverage, viewers } = await whoSaw(systemActor(tenantId, 'bench'), { fileId, from, to })
    return { events: coverage.period.events, viewers: viewers.length, ms: performance.now() - startedMs }
  }
  const first = await call()
  const times: number[] = []
  for (let n = 0; n < CALLS; n++) times.push((await call()).ms)
  return `${first.events} matches by ${first.viewers} viewers in a month of ${rows[0]?.n} events: ${Math.round(Math.max(...times))} ms, first call ${Math.round(first.ms)} ms`
}
