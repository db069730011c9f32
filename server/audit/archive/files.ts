import 'server-only'
import type { Sql } from '#server/kernel/db.ts'

/** A file of the archive: the kept entries of a day among the indexes `from` to `to` (excluded). Times in milliseconds, both ends included. */
export type ColdFile = {
  name: string
  from: number
  to: number
  entries: number
  bytes: number
  /** Hex. */
  sha256: string
  recordedFrom: number
  recordedTo: number
  occurredFrom: number
  occurredTo: number
}

type Row = Record<'from' | 'to' | 'bytes' | 'occurred_from' | 'occurred_to', string> & {
  name: string
  entries: number
  sha256: string
  recorded_from: Date | string
  recorded_to: Date | string
}

/** The files that are all there is of their entries, in the order of the log. Index: the primary key. */
export async function readColdFiles(sql: Sql, tenantId: string): Promise<ColdFile[]> {
  const rows = await sql<Row>(
    `SELECT name, from_index::text AS "from", to_index::text AS "to", entries, bytes::text, encode(sha256, 'hex') AS sha256, recorded_from, recorded_to,
            occurred_from::text, occurred_to::text
       FROM audit_archive_file WHERE tenant_id = $1::uuid AND state = 'cold' ORDER BY from_index`,
    [tenantId],
  )
  return rows.map((row) => ({
    name: row.name,
    from: Number(row.from),
    to: Number(row.to),
    entries: row.entries,
    bytes: Number(row.bytes),
    sha256: row.sha256,
    recordedFrom: new Date(row.recorded_from).getTime(),
    recordedTo: new Date(row.recorded_to).getTime(),
    occurredFrom: Number(row.occurred_from),
    occurredTo: Number(row.occurred_to),
  }))
}

/** Entries below this place are in the archive alone; 0 where there is none. Index: the primary key. */
export async function readColdTo(sql: Sql, tenantId: string): Promise<number> {
  const [row] = await sql<{ to: string }>(
    'SELECT cold_to::text AS "to" FROM audit_archive WHERE tenant_id = $1::uuid',
    [tenantId],
  )
  return Number(row?.to ?? 0)
}
