import 'server-only'
import { BLOCK } from '#lib/postings/bits.ts'
import { type IndexRange, mergeRanges } from '#protocol/audit/purge-certificate.ts'
import { type Sql, systemTransaction } from '#server/kernel/db.ts'
import { type Replaced, replacedRow } from '../archive/replaced.ts'
import { replaceFiles } from '../archive/rewrite.ts'
import { reindex } from '../index/rebuild.ts'
import type { Head } from '../tree.ts'
import type { KeepingClass } from './schema.ts'

/*
 * All that this room knows of how entries are stored. What removes is SQL of the migration, for the worker's role alone; it looks
 * again at what it is told to remove.
 */

/** An entry that has expired; with its texts where they were asked for. */
export type ExpiredEntry = { index: number; at: Date; entry: string | null; personal: string | null }

type Listing = {
  class: KeepingClass
  /** Beyond this place. */
  after: Pick<ExpiredEntry, 'index' | 'at'> | null
  before: Date
  /** Below this size of the log. */
  size: number
  limit: number
  texts: boolean
}

type Row = { index: string; at: Date | string; entry: string | null; personal: string | null }

/** Entries of a class that have expired and are not archived, in the order of the log. Index: (tenant, index) of each month. */
export async function listExpired(sql: Sql, tenantId: string, listing: Listing): Promise<ExpiredEntry[]> {
  const { class: name, after, before, size, limit, texts } = listing
  const rows = await sql<Row>(
    `SELECT e.index::text, e.recorded_at AS at, ${texts ? 'e.entry, e.personal' : 'NULL AS entry, NULL AS personal'}
       FROM audit_entry e
      WHERE e.tenant_id = $1::uuid AND e.class = $2::text AND e.recorded_at < $3::text::timestamptz AND e.recorded_at >= $4::text::timestamptz
        AND e.index > $5::text::bigint AND e.index < $6::text::bigint ORDER BY e.index LIMIT $7::integer`,
    [
      tenantId,
      name,
      before.toISOString(),
      (after?.at ?? new Date(0)).toISOString(),
      String(after?.index ?? -1),
      String(size),
      limit,
    ],
  )
  return rows.map((row) => ({ ...row, index: Number(row.index), at: new Date(row.at) }))
}

/** Of the worker's role, for one organisation. */
function asWorker<T>(tenantId: string, run: (sql: Sql) => Promise<T>): Promise<T> {
  return systemTransaction(async (sql) => {
    await sql(`SELECT set_config('app.tenant_id', $1::text, true)`, [tenantId])
    return run(sql)
  })
}

/** SQLSTATE of the migration's functions: rules or holds have changed since this was planned. */
export const STALE = 'GH010'
/** The same: what was planned contradicts what is stored, or is not allowed. */
export const REFUSED = 'GH011'

/**
 * Removes what a recorded purge names, all of it or nothing, and keeps the certificate; done before, it does nothing. Files of the
 * archive are written anew without it. Throws with the code `STALE` when a hold or a rule has changed since it was planned.
 * @throws ColdFileProblem · AppError unavailable
 */
export async function removeEntries(
  tenantId: string,
  { purgeId, removed, head, certificate }: Removal,
): Promise<number> {
  return replaceFiles(tenantId, { going: { places: removed, what: 'entries', purgeId }, head }, async (files) => {
    const [row] = await asWorker(tenantId, (sql) =>
      sql<{ gone: string }>('SELECT audit_remove($1::uuid, $2::text, $3::text::jsonb)::text AS gone', [
        purgeId,
        certificate,
        JSON.stringify(files.map(replacedRow)),
      ]),
    )
    return Number(row?.gone ?? 0)
  })
}

type Removal = { purgeId: string; removed: readonly IndexRange[]; head: Head; certificate: string }
type Erasing = { erasureId: string; revision: number; indexes: readonly number[] }

/**
 * Erases the personal values of entries that are not archived; the entries stay. Throws with the code `STALE` when a hold has changed,
 * or an entry has gone into the archive.
 */
export async function erasePersonal(tenantId: string, erasing: Erasing): Promise<number> {
  return callErase(tenantId, erasing, [])
}

/** The same of archived entries that have such values: their files are written anew. @throws ColdFileProblem · AppError unavailable */
export async function eraseArchived(tenantId: string, erasing: Erasing, head: Head): Promise<number> {
  const going = { places: toRanges(erasing.indexes), what: 'personal' as const }
  return replaceFiles(tenantId, { going, head }, (files) => callErase(tenantId, erasing, files))
}

async function callErase(tenantId: string, erasing: Erasing, files: readonly Replaced[]): Promise<number> {
  const { erasureId, revision, indexes } = erasing
  const [row] = await asWorker(tenantId, (sql) =>
    sql<{ gone: string }>(
      'SELECT audit_erase($1::uuid, $2::text::bigint, $3::text::int8multirange, $4::text::jsonb)::text AS gone',
      [erasureId, String(revision), toMultirange(toRanges(indexes)), JSON.stringify(files.map(replacedRow))],
    ),
  )
  return Number(row?.gone ?? 0)
}

type Month = { class: KeepingClass; month: string }

/** Months of a class that have expired for every organisation with entries in them, oldest first. `month` is its first day. */
export function listExpiredMonths(): Promise<(Month & { tenants: string[] })[]> {
  return systemTransaction((sql) =>
    sql<Month & { tenants: string[] }>(
      'SELECT class, month::text, tenants::text[] AS tenants FROM audit_expired_months()',
    ),
  )
}

/**
 * Drops a month of a class of which every entry is in a recorded purge, and keeps the certificates. Answers null, or what speaks against
 * it: then nothing has gone. Throws with the code `STALE`, or with PostgreSQL's own where a lock is not to be had: the same.
 */
export async function dropMonth(
  { class: name, month }: Month,
  notes: readonly { tenant: string; purge: string; note: string }[],
): Promise<string | null> {
  const [row] = await systemTransaction((sql) =>
    sql<{ problem: string | null }>('SELECT audit_drop_month($1::text, $2::text::date, $3::text::jsonb) AS problem', [
      name,
      month,
      JSON.stringify(notes),
    ]),
  )
  return row?.problem ?? null
}

/** Drops the parts of past months of which no organisation has anything left; answers their names. */
export async function dropEmptyMonths(before: Date): Promise<string[]> {
  const rows = await systemTransaction((sql) =>
    sql<{ name: string }>('SELECT audit_drop_empty_months($1::text::date) AS name', [
      before.toISOString().slice(0, 10),
    ]),
  )
  return rows.map(({ name }) => name)
}

/** Ascending indexes as ranges. */
export function toRanges(indexes: readonly number[]): IndexRange[] {
  const ranges: { from: number; to: number }[] = []
  for (const index of indexes) {
    const last = ranges.at(-1)
    if (last?.to === index) last.to++
    else ranges.push({ from: index, to: index + 1 })
  }
  return ranges
}

/** Ranges as PostgreSQL writes an int8multirange. */
export function toMultirange(ranges: readonly IndexRange[]): string {
  return `{${ranges.map(({ from, to }) => `[${from},${to})`).join(',')}}`
}

/** The ranges of an int8multirange's text. */
export function fromMultirange(text: string): IndexRange[] {
  return [...text.matchAll(/\[(\d+),(\d+)\)/g)].map(([, from, to]) => ({ from: Number(from), to: Number(to) }))
}

/**
 * The index of the search is built anew from what remains around these places. False when another process is at it: try again later.
 */
export async function forgetInIndex(tenantId: string, places: readonly IndexRange[]): Promise<boolean> {
  for (const { from, to } of nearby(places)) if (!(await reindex(tenantId, from, to))) return false
  return true
}

/** Ranges that lie closer together than a block are one: the index is built by blocks. */
function nearby(places: readonly IndexRange[]): IndexRange[] {
  const widened = places.map(({ from, to }) => ({ from, to: to + BLOCK }))
  return mergeRanges(widened).map(({ from, to }) => ({ from, to: to - BLOCK }))
}
