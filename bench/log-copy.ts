import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { from as copyFrom, to as copyTo } from 'pg-copy-streams'
import { uuidv7 } from '#lib/uuid.ts'

/** What an append writes: the entries, and the index of them. */
const TABLES = {
  audit_entry: 'index, class, recorded_at, id, entry, personal',
  audit_run: 'at, entries, bits, whole, recorded_from, recorded_to',
  audit_block: 'at, entries, occurred_from, occurred_to, hours, times, missing',
  audit_posting: 'at, key, piece, body',
} as const
type Table = keyof typeof TABLES

/** One transaction of an append as COPY's lines, without the organisation. */
export type CopiedAppend = { entries: number; lines: Record<Table, string[]> }

/** No append has more entries; what was merged has. */
const MOST_APPENDED = 10_000

/** The last appends of batches of a log (`least` entries and more) as rows to COPY; read before anything merges them. */
export async function copyOut(
  client: pg.Client,
  tenantId: string,
  { most, least }: { most: number; least: number },
): Promise<CopiedAppend[]> {
  const { rows } = await client.query<{ at: string; entries: number }>(
    'SELECT at::text, entries FROM audit_run WHERE tenant_id = $1 AND entries BETWEEN $3 AND $4 ORDER BY at DESC LIMIT $2',
    [tenantId, most, least, MOST_APPENDED],
  )
  const appends: CopiedAppend[] = []
  for (const { at, entries } of rows) {
    const lines = {} as Record<Table, string[]>
    for (const [table, columns] of Object.entries(TABLES) as [Table, string][]) {
      const where = table === 'audit_entry' ? `index >= ${at} AND index < ${Number(at) + entries}` : `at = ${at}`
      lines[table] = await linesOf(
        client,
        `SELECT ${columns} FROM ${table} WHERE tenant_id = '${tenantId}' AND ${where}`,
      )
    }
    appends.push({ entries, lines })
  }
  return appends
}

async function linesOf(client: pg.Client, query: string): Promise<string[]> {
  let text = ''
  for await (const chunk of client.query(copyTo(`COPY (${query}) TO STDOUT`))) text += chunk
  return text.trimEnd().split('\n')
}

/** Rows a second by COPY into the same tables with all their indexes, a transaction for each append. */
export async function copyInto(client: pg.Client, appends: readonly CopiedAppend[]): Promise<number> {
  const tenantId = uuidv7()
  const texts = appends.map(({ lines }) =>
    (Object.entries(lines) as [Table, string[]][]).map(
      ([table, rows]) => [table, rows.map((row) => `${tenantId}\t${row}\n`).join('')] as const,
    ),
  )
  const startedMs = performance.now()
  for (const tables of texts) {
    await client.query('BEGIN')
    for (const [table, text] of tables) await copy(client, `${table} (tenant_id, ${TABLES[table]})`, text)
    await client.query('COMMIT')
  }
  return rate(appends, startedMs)
}

/** Rows a second by COPY of the entries alone into a heap without any index. */
export async function copyBare(client: pg.Client, appends: readonly CopiedAppend[]): Promise<number> {
  const tenantId = uuidv7()
  await client.query('DROP TABLE IF EXISTS bare_heap')
  await client.query('CREATE TABLE bare_heap AS SELECT * FROM audit_entry LIMIT 0')
  const texts = appends.map(({ lines }) => lines.audit_entry.map((row) => `${tenantId}\t${row}\n`).join(''))
  const startedMs = performance.now()
  for (const text of texts) await copy(client, `bare_heap (tenant_id, ${TABLES.audit_entry})`, text)
  return rate(appends, startedMs)
}

async function copy(client: pg.Client, into: string, text: string): Promise<void> {
  await pipeline(Readable.from([text]), client.query(copyFrom(`COPY ${into} FROM STDIN`)))
}

function rate(appends: readonly CopiedAppend[], startedMs: number): number {
  return appends.reduce((sum, { entries }) => sum + entries, 0) / ((performance.now() - startedMs) / 1000)
}
