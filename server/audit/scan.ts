import 'server-only'
import type { AuditEntry } from '#protocol/audit/entry.ts'
import type { Personal } from '#protocol/audit/personal.ts'
import type { Sql } from '#server/kernel/db.ts'
import { ColdLog } from './archive/cold-log.ts'
import { readColdFiles } from './archive/files.ts'
import { LogIndex } from './index/log-index.ts'
import { wholes } from './index/parameters.ts'
import type { Recorded } from './index/recorded-times.ts'
import { endOf, type LogShape, readShape } from './index/runs.ts'
import { STATEMENT_MS } from './statement-limit.ts'
import type { StoredEntry } from './stored.ts'

/** An event that was found, its text read. `text` is the leaf. */
export type Candidate = {
  index: number
  recordedAt: Date
  text: string
  entry: AuditEntry
  personal: Personal | undefined
  /** The same as it is stored. */
  personalText: string | null
}

/** From when to when entries were recorded; milliseconds, `to` excluded. */
export type Span = { from: number; to: number }

/** Where the log begins and ends in time, the index that answers questions about it and, where it has one, its archived part. */
export type LogBounds = Span & { size: number; index: LogIndex; cold: ColdLog | null }

/** The bounds of the log; null in an empty one. */
export async function logBounds(sql: Sql, tenantId: string, statementMs?: number): Promise<LogBounds | null> {
  const shape = await readShape(sql, tenantId, statementMs)
  // Runs are merged while we read: between two statements that see different states something would be missing.
  if (shape && !shape.isSnapshot) throw new Error('the log is searched in a transaction with one snapshot')
  if (!shape || shape.size === 0) return null
  const cold = shape.coldTo > 0 ? new ColdLog(tenantId, shape.coldTo, await readColdFiles(sql, tenantId)) : null
  return {
    from: cold?.recordedFrom ?? shape.runs[0]?.recordedFrom ?? 0,
    to: shape.lastRecordedAt + 1,
    size: shape.size,
    index: new LogIndex(sql, tenantId, shape),
    cold,
  }
}

/** A question whose log was opened before, with another statement of the same transaction. */
export type Opened = { bounds?: LogBounds | null }

/** The bounds of the log that a question is asked of. Each statement that follows may take `STATEMENT_MS`, see `inTime`. */
export async function boundsOf(sql: Sql, tenantId: string, { bounds }: Opened): Promise<LogBounds | null> {
  return bounds === undefined ? logBounds(sql, tenantId, STATEMENT_MS) : bounds
}

/** Entries read at once where the index alone does not decide. */
export const RECHECKED = 200

type Row = { index: string; recorded_at: Date | string; entry: string; personal: string | null }

/** The entries at these indexes in the order given; those no longer kept are left out. Index: (tenant, index) of the months they lie in. */
export async function fetchEntries(
  sql: Sql,
  tenantId: string,
  index: LogIndex,
  indexes: readonly number[],
): Promise<Candidate[]> {
  if (indexes.length === 0) return []
  const { low, high } = endsOf(indexes)
  const { from, to } = asText(await index.recorded.between(low, high))
  const rows =
    high - low === indexes.length - 1
      ? await sql<Row>(STRETCH, [tenantId, String(low), String(high), from, to])
      : await sql<Row>(SINGLE, [tenantId, wholes(indexes), from, to])
  const byIndex = new Map(rows.map((row) => [Number(row.index), row]))
  return indexes.flatMap((index) => {
    const row = byIndex.get(index)
    return row ? [toCandidate(readRow(row))] : []
  })
}

// `>= ALL` of one: it leaves months out as `>=` does, and no index on times fits it. With `>=` the plan for any parameters
// reads a month's BRIN, too, which names nearly all of its entries: half a millisecond for every 250,000.
export const SINGLE = `
  SELECT e.index::text, e.recorded_at, e.entry, e.personal FROM audit_entry e
   WHERE e.tenant_id = $1::uuid AND e.index = ANY($2::text::bigint[])
     AND e.recorded_at >= ALL (ARRAY[$3::text::timestamptz]) AND e.recorded_at <= ALL (ARRAY[$4::text::timestamptz])`

export const STRETCH = `
  SELECT e.index::text, e.recorded_at, e.entry, e.personal FROM audit_entry e
   WHERE e.tenant_id = $1::uuid AND e.index BETWEEN $2::text::bigint AND $3::text::bigint
     AND e.recorded_at >= ALL (ARRAY[$4::text::timestamptz]) AND e.recorded_at <= ALL (ARRAY[$5::text::timestamptz])`

/** The months that need to be looked at; all of them where the index does not say. */
export function recordedBetween({ runs }: LogShape, indexes: readonly number[]) {
  const { low, high } = endsOf(indexes)
  const touched = runs.filter((run) => run.at <= high && endOf(run) > low)
  const [first, last] = [touched[0], touched.at(-1)]
  const isKnown = first && last && first.at <= low && endOf(last) > high
  return asText(isKnown ? { from: first.recordedFrom, to: last.recordedTo } : null)
}

function endsOf(indexes: readonly number[]): { low: number; high: number } {
  return {
    low: indexes.reduce((least, index) => Math.min(least, index)),
    high: indexes.reduce((most, index) => Math.max(most, index)),
  }
}

function asText(recorded: Recorded | null): { from: string; to: string } {
  if (!recorded) return { from: '-infinity', to: 'infinity' }
  return { from: new Date(recorded.from).toISOString(), to: new Date(recorded.to).toISOString() }
}

/**
 * When the entry at an index was recorded that a walk has come to, or the nearest one on its way there that is kept: no more was looked
 * at, whatever else its run tells of. Index: (tenant, index).
 */
export async function timeAt(
  sql: Sql,
  tenantId: string,
  bounds: LogBounds,
  { at, newestFirst }: { at: number; newestFirst: boolean },
): Promise<number> {
  const { from, to } = recordedBetween(bounds.index.shape, [at])
  const [row] = await sql<Pick<Row, 'recorded_at'>>(newestFirst ? NEXT : LAST, [tenantId, String(at), from, to])
  if (row) return new Date(row.recorded_at).getTime()
  // Nothing is kept nearby, and so the run's other end is.
  const run = bounds.index.shape.runs.findLast((candidate) => candidate.at <= at)
  if (newestFirst) return run?.recordedTo ?? bounds.to
  return run?.recordedFrom ?? bounds.from
}

const NEXT = edge('>=', 'ASC')
const LAST = edge('<=', 'DESC')

function edge(side: '>=' | '<=', order: 'ASC' | 'DESC'): string {
  return `
  SELECT e.recorded_at FROM audit_entry e
   WHERE e.tenant_id = $1::uuid AND e.index ${side} $2::text::bigint
     AND e.recorded_at >= ALL (ARRAY[$3::text::timestamptz]) AND e.recorded_at <= ALL (ARRAY[$4::text::timestamptz])
   ORDER BY e.index ${order} LIMIT 1`
}

function readRow(row: Row): StoredEntry {
  return { index: Number(row.index), recordedAt: new Date(row.recorded_at), text: row.entry, personal: row.personal }
}

/** A stored entry, its text read. */
export function toCandidate({ index, recordedAt, text, personal }: StoredEntry): Candidate {
  return {
    index,
    recordedAt,
    text,
    // Both were written by the ledger and are checked by verification; a search does not check them again.
    entry: JSON.parse(text) as AuditEntry,
    personal: personal === null ? undefined : (JSON.parse(personal) as Personal),
    personalText: personal,
  }
}
