import 'server-only'
import type { AuditEntry } from '#protocol/audit/entry.ts'
import type { Personal } from '#protocol/audit/personal.ts'
import type { Sql } from '#server/kernel/db.ts'
import type { Ask } from './schema.ts'

/** A row that the index found, its text read. `text` is the leaf. */
export type Candidate = {
  index: number
  recordedAt: Date
  text: string
  entry: AuditEntry
  personal: Personal | undefined
}

/** From when to when entries were recorded that can answer a question; milliseconds, `to` excluded. */
export type Span = { from: number; to: number }

/** Where the log begins and ends in time, and how far clocks of devices ran ahead of ours. */
export type LogBounds = Span & { size: number; aheadMs: number }

/** The bounds of the log; null in an empty one. Index: the primary key. */
export async function logBounds(sql: Sql, tenantId: string): Promise<LogBounds | null> {
  const [row] = await sql<{ size: string; ahead: string; last: Date | string; first: Date | string | null }>(
    `SELECT h.size::text, h.ahead_ms::text AS ahead, h.last_recorded_at AS last,
            (SELECT e.recorded_at FROM audit_entry e WHERE e.tenant_id = h.tenant_id ORDER BY e.index LIMIT 1) AS first
       FROM audit_head h WHERE h.tenant_id = $1::uuid`,
    [tenantId],
  )
  if (!row?.first) return null
  return {
    from: new Date(row.first).getTime(),
    to: new Date(row.last).getTime() + 1,
    size: Number(row.size),
    aheadMs: Number(row.ahead),
  }
}

/**
 * What was recorded before it occurred (a clock ahead) is at most `aheadMs` too early. Nothing follows from `to`: a late event
 * is recorded at any time after.
 */
export function spanOf(bounds: LogBounds, { from }: Pick<Ask, 'from'>): Span {
  return { from: Math.max(bounds.from, from ? Date.parse(from) - bounds.aheadMs : bounds.from), to: bounds.to }
}

/** The months (in UTC, as the partitions are cut) that a span touches, in the order they are to be read. */
export function monthsOf({ from, to }: Span, newestFirst: boolean): Span[] {
  const months: Span[] = []
  for (let start = from; start < to; ) {
    const at = new Date(start)
    const next = Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1)
    months.push({ from: start, to: Math.min(next, to) })
    start = next
  }
  return newestFirst ? months.reverse() : months
}

export type Scan = {
  tenantId: string
  plan: string
  span: Span
  ask: Pick<Ask, 'from' | 'to'>
  /** Beyond this index, in reading order. */
  after: number | null
  newestFirst: boolean
  wanted: number
}

type Row = { index: string; recorded_at: Date | string; entry: string; personal: string | null }

/** Up to `wanted` candidates of one month in the order of the log. */
export async function scanMonth(sql: Sql, { plan, span, ask, after, newestFirst, wanted }: Scan): Promise<Candidate[]> {
  const rows = await sql<Row>(
    `SELECT index::text, recorded_at, entry, personal
       FROM audit_search($1::text::jsonb, $2::text::timestamptz, $3::text::timestamptz, $4::text::timestamptz, $5::text::timestamptz,
                         $6::text::bigint, $7::boolean, $8::integer)`,
    [plan, ...boundsOf(span, ask), after === null ? null : String(after), newestFirst, wanted],
  )
  return rows.map(readRow)
}

/** The four times of the search functions: recorded and occurred, from and to. */
export function boundsOf(span: Span, ask: Pick<Ask, 'from' | 'to'>): (string | null)[] {
  return [new Date(span.from).toISOString(), new Date(span.to).toISOString(), ask.from ?? null, ask.to ?? null]
}

function readRow(row: Row): Candidate {
  return {
    index: Number(row.index),
    recordedAt: new Date(row.recorded_at),
    text: row.entry,
    // Both were written by the ledger and are checked by verification; a search does not check them again.
    entry: JSON.parse(row.entry) as AuditEntry,
    personal: row.personal === null ? undefined : (JSON.parse(row.personal) as Personal),
  }
}
