import 'server-only'
import { BLOCK } from '#lib/postings/bits.ts'
import type { Sql } from '#server/kernel/db.ts'

/** A run of the index: entries `at` to `at + entries`. Times in milliseconds, both ends included. */
export type RunHead = {
  /**
   * Another one each time the run is written: the transaction that wrote it, and what it says of itself, because a database that fell
   * back to a state of before counts its transactions again.
   */
  revision: string
  at: number
  entries: number
  bits: number
  /** All its entries are still kept. */
  whole: boolean
  /** None of them is: then its times are those of what comes next. */
  gone: boolean
  recordedFrom: number
  recordedTo: number
}

/** What a run that is gone is stored with. */
export const NEVER = new Date(0)

/** What a search must know of a log before it begins: its length and the runs of its index, ascending. */
export type LogShape = {
  isSnapshot: boolean
  size: number
  /** Entries below this place are in the archive and in no run. */
  coldTo: number
  lastRecordedAt: number
  runs: readonly RunHead[]
}

type Row = { isolation: string; size: string; cold: string | null; last: number; runs: string | null }

/**
 * @returns null where the organisation has no log. Each later statement of the transaction may take `statementMs`, where it is given: to
 * say so by itself would be one more wait. Index: the primary keys.
 */
export async function readShape(sql: Sql, tenantId: string, statementMs?: number): Promise<LogShape | null> {
  const [row] = await sql<Row>(
    `SELECT current_setting('transaction_isolation') AS isolation, h.size::text, a.cold_to::text AS cold, ${ms('h.last_recorded_at')} AS last, r.runs,
            CASE WHEN $2::text IS NOT NULL THEN set_config('statement_timeout', $2::text, true) END AS limited
       FROM audit_head h LEFT JOIN audit_archive a ON a.tenant_id = h.tenant_id
      CROSS JOIN LATERAL (
            SELECT string_agg(concat_ws(' ', xmin, at, entries, bits, whole::integer, ${ms('recorded_from')}, ${ms('recorded_to')}), ',' ORDER BY at) AS runs
              FROM audit_run WHERE tenant_id = h.tenant_id) r
      WHERE h.tenant_id = $1::uuid`,
    [tenantId, statementMs === undefined ? null : String(statementMs)],
  )
  if (!row) return null
  return {
    isSnapshot: row.isolation !== 'read committed',
    size: Number(row.size),
    coldTo: Number(row.cold ?? 0),
    lastRecordedAt: row.last,
    runs: readRuns(tenantId, row),
  }
}

/** Numbers, not dates, and all runs in one row: a log has many, and each search reads them all. */
function ms(column: string): string {
  // Not `extract`, which counts in decimals: a fifth of what the statement takes with a hundred runs.
  return `round(date_part('epoch', ${column}) * 1000)`
}

/** What organisations' runs were when they were last read: while a log does not grow, every search reads the same ones. */
const lastRead = new Map<string, Pick<LogShape, 'lastRecordedAt' | 'runs'> & { text: string }>()
const MOST_READ = 100

function readRuns(tenantId: string, { runs: text, last: lastRecordedAt }: Row): readonly RunHead[] {
  if (text === null) return []
  const before = lastRead.get(tenantId)
  if (before?.text === text && before.lastRecordedAt === lastRecordedAt) return before.runs
  const runs = timed(text.split(',').map(readRun), lastRecordedAt)
  if (lastRead.size >= MOST_READ) lastRead.clear()
  lastRead.set(tenantId, { text, lastRecordedAt, runs })
  return runs
}

function readRun(text: string): RunHead {
  const [written, at, entries, bits, whole, from, to] = text.split(' ')
  return {
    at: Number(at),
    entries: Number(entries),
    bits: Number(bits),
    whole: whole === '1',
    gone: Number(to) === NEVER.getTime(),
    recordedFrom: Number(from),
    recordedTo: Number(to),
    revision: `${written}.${entries}.${bits}.${from}.${to}`,
  }
}

/** A log whose beginning was purged begins with what is kept, not in 1970. */
function timed(runs: RunHead[], lastRecordedAt: number): RunHead[] {
  let next = lastRecordedAt
  for (const run of runs.toReversed()) {
    if (run.gone) run.recordedFrom = run.recordedTo = next
    next = run.recordedFrom
  }
  return runs
}

/** The block that an entry lies in. */
export function blockOf(index: number): number {
  return Math.floor(index / BLOCK)
}

/** The index behind the last entry of a run. */
export function endOf({ at, entries }: Pick<RunHead, 'at' | 'entries'>): number {
  return at + entries
}
