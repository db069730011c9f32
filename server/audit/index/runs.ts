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
  runs: RunHead[]
}

type Row = {
  isolation: string
  size: string
  cold: string | null
  last: number
  written: string
  at: string | null
  entries: number
  bits: number
  whole: boolean
  from: number
  to: number
}

/** @returns null where the organisation has no log. Index: the primary keys. */
export async function readShape(sql: Sql, tenantId: string): Promise<LogShape | null> {
  const rows = await sql<Row>(
    `SELECT current_setting('transaction_isolation') AS isolation, h.size::text, a.cold_to::text AS cold, ${ms('h.last_recorded_at')} AS last, r.xmin::text AS written, r.at::text, r.entries, r.bits, r.whole, ${ms('r.recorded_from')} AS "from", ${ms('r.recorded_to')} AS "to"
       FROM audit_head h LEFT JOIN audit_archive a ON a.tenant_id = h.tenant_id LEFT JOIN audit_run r ON r.tenant_id = h.tenant_id
      WHERE h.tenant_id = $1::uuid ORDER BY r.at`,
    [tenantId],
  )
  const [first] = rows
  if (!first) return null
  const lastRecordedAt = first.last
  return {
    isSnapshot: first.isolation !== 'read committed',
    size: Number(first.size),
    coldTo: Number(first.cold ?? 0),
    lastRecordedAt,
    runs: timed(rows.flatMap(readRun), lastRecordedAt),
  }
}

/** Numbers, not dates: a log has many runs, and each search reads them all. */
function ms(column: string): string {
  return `(extract(epoch FROM ${column}) * 1000)::float8`
}

function readRun({ written, at, entries, bits, whole, from, to }: Row): RunHead[] {
  if (at === null) return []
  const gone = to === NEVER.getTime()
  const head = { at: Number(at), entries, bits, whole, gone, recordedFrom: from, recordedTo: to }
  return [{ ...head, revision: `${written}.${entries}.${bits}.${from}.${to}` }]
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

export function blockOf(index: number): number {
  return Math.floor(index / BLOCK)
}

export function endOf({ at, entries }: Pick<RunHead, 'at' | 'entries'>): number {
  return at + entries
}
