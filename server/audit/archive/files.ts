import 'server-only'
import type { Sql } from '#server/kernel/db.ts'
import type { WrittenFile } from './draft.ts'

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

type Row = {
  name: string
  from: string
  to: string
  date: string
  entries: number
  personal: number
  bytes: string
  sha256: string
  recorded_from: Date | string
  recorded_to: Date | string
  occurred_from: string
  occurred_to: string
  revision: number
  state: 'written' | 'cold'
}

/** The same with what only its writer needs; `cold`: its rows have gone. */
export type RecordedFile = WrittenFile & { state: 'written' | 'cold' }

/** Every recorded file, in the order of the log. Index: the primary key. */
export async function readRecordedFiles(sql: Sql, tenantId: string): Promise<RecordedFile[]> {
  const rows = await sql<Row>(
    `SELECT name, from_index::text AS "from", to_index::text AS "to", date::text, entries, personal, bytes::text, encode(sha256, 'hex') AS sha256,
            recorded_from, recorded_to, occurred_from::text, occurred_to::text, revision, state
       FROM audit_archive_file WHERE tenant_id = $1::uuid ORDER BY from_index`,
    [tenantId],
  )
  return rows.map(({ recorded_from, recorded_to, occurred_from, occurred_to, ...row }) => ({
    ...row,
    from: Number(row.from),
    to: Number(row.to),
    bytes: Number(row.bytes),
    recordedFrom: new Date(recorded_from).getTime(),
    recordedTo: new Date(recorded_to).getTime(),
    occurredFrom: Number(occurred_from),
    occurredTo: Number(occurred_to),
  }))
}

/** The files that are all there is of their entries, in the order of the log. */
export async function readColdFiles(sql: Sql, tenantId: string): Promise<RecordedFile[]> {
  const files = await readRecordedFiles(sql, tenantId)
  return files.filter(({ state }) => state === 'cold')
}

/** Entries below this place are in the archive alone; 0 where there is none. Index: the primary key. */
export async function readColdTo(sql: Sql, tenantId: string): Promise<number> {
  const [row] = await sql<{ to: string }>(
    'SELECT cold_to::text AS "to" FROM audit_archive WHERE tenant_id = $1::uuid',
    [tenantId],
  )
  return Number(row?.to ?? 0)
}
