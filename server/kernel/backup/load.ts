import 'server-only'
import { pipeline } from 'node:stream/promises'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import type { ArchiveReader } from './archive-reader.ts'
import { BackupError, type BackupHeader } from './format.ts'

/** What stands around a table, to be put up again. */
export type Walls = { name: string; isForced: boolean }[]

/**
 * Lets the owner load what no process may write, inside its transaction: until the commit nobody else reaches these tables, and a
 * rollback has the walls where they were. @throws BackupError when the database holds something
 */
export async function lowerWalls(client: pg.Client, { tables, months }: BackupHeader): Promise<Walls> {
  const { rows: walls } = await client.query<Walls[number]>(
    `SELECT c.relname AS name, c.relforcerowsecurity AS "isForced" FROM pg_class c
      WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY ($1)`,
    [tables.map(({ name }) => name)],
  )
  for (const { name, isForced } of walls) {
    const table = client.escapeIdentifier(name)
    if (isForced) await client.query(`ALTER TABLE ${table} NO FORCE ROW LEVEL SECURITY`)
    await client.query(`ALTER TABLE ${table} DISABLE TRIGGER USER`)
  }
  for (const { name } of walls) await requireEmpty(client, name)
  await client.query('DELETE FROM instance')
  for (const month of months) await client.query('SELECT audit_ensure_partitions($1::date, 0)', [month])
  return walls
}

/** A start of its own has made the instance's row and nothing else. */
async function requireEmpty(client: pg.Client, name: string): Promise<void> {
  if (name === 'instance') return
  const { rows } = await client.query(`SELECT 1 FROM ${client.escapeIdentifier(name)} LIMIT 1`)
  if (rows.length > 0)
    throw new BackupError(`the database is not empty (${name} has rows): a backup is restored into an empty one`)
}

export async function raiseWalls(client: pg.Client, walls: Walls): Promise<void> {
  for (const { name, isForced } of walls) {
    const table = client.escapeIdentifier(name)
    await client.query(`ALTER TABLE ${table} ENABLE TRIGGER USER`)
    if (isForced) await client.query(`ALTER TABLE ${table} FORCE ROW LEVEL SECURITY`)
  }
}

type Loading = { header: BackupHeader; archive: ArchiveReader }

/** How many rows went into each table, by the name of its stream. */
export async function loadTables(client: pg.Client, { header, archive }: Loading): Promise<Map<string, number>> {
  const rows = new Map<string, number>()
  for (const { name, columns } of header.tables) {
    const into = `${client.escapeIdentifier(name)} (${columns.map((column) => client.escapeIdentifier(column)).join(', ')})`
    rows.set(`tables/${name}`, await copyIn(client, { archive, stream: `tables/${name}`, into }))
  }
  return rows
}

/** Waiting work goes through the queue's own door. */
export async function loadJobs(client: pg.Client, archive: ArchiveReader): Promise<number> {
  await client.query(
    'CREATE TEMP TABLE restored_job (task text, payload json, run_at timestamptz, key text) ON COMMIT DROP',
  )
  const rows = await copyIn(client, { archive, stream: 'jobs', into: 'restored_job' })
  await client.query('SELECT public.enqueue_job(task, payload, run_at, key) FROM restored_job')
  return rows
}

type CopyIn = { archive: ArchiveReader; stream: string; into: string }

async function copyIn(client: pg.Client, { archive, stream, into }: CopyIn): Promise<number> {
  const next = await archive.peek()
  if (next !== stream) throw new BackupError(`${next ?? 'the manifest'} stands where ${stream} belongs`)
  const target = client.query(copyFrom(`COPY ${into} FROM STDIN (FORMAT binary)`))
  try {
    await pipeline(archive.stream(stream), target)
  } catch (cause) {
    if (cause instanceof BackupError || (cause as { code?: string }).code === undefined) throw cause
    throw new BackupError(`${stream} cannot be loaded: ${(cause as Error).message}`, { cause })
  }
  return target.rowCount
}
