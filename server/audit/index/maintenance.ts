import 'server-only'
import type { PostingRow } from '#lib/postings/run.ts'
import type { Times } from '#lib/postings/times.ts'
import { type Sql, systemTransaction } from '#server/kernel/db.ts'
import { byteaArray, wholeArray } from '#server/kernel/pg-arrays.ts'

/** Rows in one statement, about. */
const ROWS_AT_ONCE = 4_000

/**
 * A transaction in which one organisation's index may be rewritten: as the worker's role, one at a time for each organisation.
 * Answers null when another one is at it. The index is derived: this is nobody's act and needs no entry.
 */
export function indexTransaction<T>(tenantId: string, run: (sql: Sql) => Promise<T>): Promise<T | null> {
  return systemTransaction(
    async (sql) => {
      const [lock] = await sql<{ locked: boolean }>(
        `SELECT pg_try_advisory_xact_lock(hashtextextended('gatehouse.index.' || $1::text, 0)) AS locked`,
        [tenantId],
      )
      return lock?.locked ? run(sql) : null
    },
    { tenantId },
  )
}

export type NewRun = {
  at: number
  entries: number
  bits: number
  whole: boolean
  recordedFrom: Date | string
  recordedTo: Date | string
}

/** Writes the head of a run; times are when its entries were recorded. */
export async function insertRun(sql: Sql, tenantId: string, run: NewRun): Promise<void> {
  await sql(
    `INSERT INTO audit_run (tenant_id, at, entries, bits, whole, recorded_from, recorded_to)
     VALUES ($1::uuid, $2::bigint, $3::integer, $4::smallint, $5::boolean, $6::timestamptz, $7::timestamptz)`,
    [tenantId, run.at, run.entries, run.bits, run.whole, run.recordedFrom, run.recordedTo],
  )
}

/** Writes the rows of the run that begins at `at`. */
export async function insertPostings(
  sql: Sql,
  tenantId: string,
  at: number,
  rows: readonly PostingRow[],
): Promise<void> {
  for (let from = 0; from < rows.length; from += ROWS_AT_ONCE) {
    const some = rows.slice(from, from + ROWS_AT_ONCE)
    await sql(
      `INSERT INTO audit_posting (tenant_id, at, key, piece, body)
       SELECT $1::uuid, $2::bigint, key, piece::smallint, body FROM unnest($3::bigint[], $4::bigint[], $5::bytea[]) AS r(key, piece, body)`,
      [
        tenantId,
        at,
        wholeArray(some.map(({ key }) => key)),
        wholeArray(some.map(({ piece }) => piece)),
        byteaArray(some.map(({ body }) => body)),
      ],
    )
  }
}

/** Writes when the entries of a run occurred, and which of them are missing. */
export async function insertBlock(
  sql: Sql,
  tenantId: string,
  { at, entries, times, missing }: { at: number; entries: number; times: Times; missing: Uint8Array | null },
): Promise<void> {
  await sql(
    `INSERT INTO audit_block (tenant_id, at, entries, occurred_from, occurred_to, hours, times, missing)
     VALUES ($1::uuid, $2::bigint, $3::integer, $4::bigint, $5::bigint, $6::bytea, $7::bytea, $8::bytea)`,
    [
      tenantId,
      at,
      entries,
      times.from,
      times.to,
      Buffer.from(times.hours),
      Buffer.from(times.exact),
      missing && Buffer.from(missing),
    ],
  )
}

/** Removes what the index says about `from` to `to` (excluded); runs must not reach out of it. */
export async function removeIndex(sql: Sql, tenantId: string, from: number, to: number): Promise<void> {
  for (const table of ['audit_run', 'audit_posting', 'audit_block'])
    await sql(`DELETE FROM ${table} WHERE tenant_id = $1::uuid AND at >= $2::bigint AND at < $3::bigint`, [
      tenantId,
      from,
      to,
    ])
}
