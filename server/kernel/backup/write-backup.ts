import 'server-only'
import { open, rename, rm } from 'node:fs/promises'
import pg from 'pg'
import { to as copyTo } from 'pg-copy-streams'
import { hexDecode, hexEncode } from '#lib/bytes.ts'
import { emptyTree, rootOf } from '#protocol/audit/merkle.ts'
import { decodeTreeState } from '#protocol/audit/tree-state.ts'
import { derivedKey } from '../keys.ts'
import { roleName } from '../roles.ts'
import { flushFolder } from '../write-once.ts'
import { ArchiveWriter, type Sink } from './archive-writer.ts'
import { coldFilesOf, coldSources } from './cold-files.ts'
import { openFiles, sealedKeys } from './data-dir.ts'
import { BackupError, type BackupHeader, FORMAT, type LogHead } from './format.ts'
import { LEFT_OUT } from './left-out.ts'
import { encryptTo } from './passphrase.ts'
import { monthsOf, type Table, tablesOf } from './tables.ts'

export type BackupOptions = {
  /** A login that may take the backup's role. */
  adminUrl: string
  dataDir: string
  /** A file that does not exist yet. */
  out: string
  gatehouse: string
  passphrase?: string
  /** Where the log's archive is kept, unless in the data directory: then it is not in the backup. */
  bucket?: string
}

export type Backup = {
  file: string
  sizeBytes: number
  createdAt: string
  instanceId: string
  masterKey: string | null
  tables: number
  rows: number
  /** Bytes before compression. */
  contentBytes: number
  logs: LogHead[]
  archive: BackupHeader['archive']
  encrypted: boolean
}

/** What an instance derives for its backups from the root secret: seals the keys in them. */
export const BACKUP_KEY = 'backup'

/**
 * Writes one file of everything the instance keeps, while it runs: what the database held at one moment. It appears under its name whole
 * or not at all. @throws BackupError when the file exists or the database is not of this version
 */
export async function writeBackup(options: BackupOptions): Promise<Backup> {
  const draft = `${options.out}.part`
  const handle = await open(draft, 'wx', 0o600).catch((error: { code?: string }) => {
    if (error.code === 'EEXIST')
      throw new BackupError(`${draft} exists: another backup writes it, or died there; remove it`)
    throw new BackupError(`${options.out} cannot be written (${error.code ?? error})`)
  })
  let sizeBytes = 0
  const toFile: Sink = async (bytes) => {
    await handle.writeFile(bytes).catch((error: { code?: string }) => {
      throw new BackupError(`${draft} cannot be written (${error.code ?? error})`)
    })
    sizeBytes += bytes.length
  }
  try {
    await requireAbsent(options.out)
    const { passphrase } = options
    const sealed = passphrase === undefined ? null : await encryptTo(toFile, passphrase)
    const made = await withSnapshot(options.adminUrl, (client) => write(client, sealed?.write ?? toFile, options))
    await sealed?.end()
    await handle.sync()
    await rename(draft, options.out)
    flushFolder(options.out)
    return { ...made, file: options.out, sizeBytes, encrypted: sealed !== null }
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  } finally {
    await handle.close()
  }
}

async function requireAbsent(file: string): Promise<void> {
  const there = await open(file, 'r').catch(() => null)
  await there?.close()
  if (there) throw new BackupError(`${file} exists: a backup replaces no file`)
}

type Snapshot = { client: pg.Client; tables: Table[]; migrations: BackupHeader['migrations']; worker: string }

/** One state of the database, seen by the role that may read what belongs into a backup and nothing else. */
async function withSnapshot<T>(adminUrl: string, run: (snapshot: Snapshot) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: adminUrl,
    application_name: 'gatehouse-backup',
    options: '-c TimeZone=UTC',
  })
  // It breaks between two statements: the next one says so.
  client.on('error', () => {})
  await client.connect()
  try {
    const database = decodeURIComponent(new URL(adminUrl).pathname.slice(1))
    const role = (suffix: 'backup' | 'worker') => client.escapeIdentifier(roleName(database, suffix))
    const migrations = await migrationsOf(client)
    const tables = await tablesOf(client)
    await client.query(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL ROLE ${role('backup')}`)
    // Before the first look: a migration or a purge that drops a table waits for us, not we for what it drops.
    await client.query(
      `LOCK TABLE ${tables.map(({ name }) => client.escapeIdentifier(name)).join(', ')} IN ACCESS SHARE MODE`,
    )
    return await run({ client, tables, migrations, worker: role('worker') })
  } catch (error) {
    // Not allowed to read a table; no such role: the schema is of a version before there were backups.
    if (['42501', '22023'].includes((error as { code?: string }).code ?? ''))
      throw new BackupError(
        `the database does not let us read everything: run gatehouse migrate (${(error as Error).message})`,
      )
    throw error
  } finally {
    await client.end().catch(() => {})
  }
}

/** The migrations that a database has, in their order. */
export async function migrationsOf(client: pg.Client): Promise<BackupHeader['migrations']> {
  const { rows } = await client.query<{ name: string; checksum: string }>(
    `SELECT migration_name AS name, checksum FROM _prisma_migrations
      WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY migration_name`,
  )
  return rows
}

type Written = Omit<Backup, 'file' | 'sizeBytes' | 'encrypted'>

async function write(
  { client, tables, migrations, worker }: Snapshot,
  sink: Sink,
  { dataDir, gatehouse, bucket }: BackupOptions,
): Promise<Written> {
  const cold = await coldFilesOf(client)
  const bytes = cold.reduce((sum, file) => sum + file.bytes, 0)
  const header = await headerOf(client, {
    tables,
    migrations,
    gatehouse,
    archive: { files: cold.length, bytes, bucket: bucket ?? null },
  })
  const archive = new ArchiveWriter(sink, header)
  let [rows, contentBytes] = [0, 0]
  for (const table of tables) {
    const line = await copyOut(client, archive, `tables/${table.name}`, selectOf(client, table))
    rows += line.rows ?? 0
    contentBytes += line.sizeBytes
  }
  await client.query(`SET LOCAL ROLE ${worker}`)
  await copyOut(client, archive, 'jobs', JOBS)
  // After the snapshot: what was destroyed meanwhile is on the list.
  const sealing = { key: derivedKey(BACKUP_KEY), instanceId: header.instanceId }
  const files = [...openFiles(dataDir, header.logs), ...sealedKeys(dataDir, sealing)]
  if (bucket === undefined) files.push(...coldSources(dataDir, cold))
  for (const { name, bytes: bytesOf } of files) contentBytes += (await archive.add(name, bytesOf())).sizeBytes
  await archive.end()
  const { createdAt, instanceId, masterKey, logs } = header
  return { createdAt, instanceId, masterKey, logs, archive: header.archive, tables: tables.length, rows, contentBytes }
}

/** Waiting work that was asked for; what the clock asks for comes back by itself, and exports are not in a backup. */
const JOBS = `SELECT t.identifier AS task, j.payload, j.run_at, j.key
   FROM graphile_worker._private_jobs j JOIN graphile_worker._private_tasks t ON t.id = j.task_id
  WHERE j.attempts < j.max_attempts AND (j.payload::jsonb ? 'tenantId') AND t.identifier NOT LIKE 'exports.%'`

function copyOut(client: pg.Client, archive: ArchiveWriter, name: string, select: string) {
  const stream = client.query(copyTo(`COPY (${select}) TO STDOUT (FORMAT binary)`))
  return archive.add(name, stream, () => stream.rowCount)
}

/** A transaction of the new cluster must not be taken for the one that wrote a row here. */
const INSTEAD: Readonly<Record<string, string>> = { 'command.xact': `'0'::xid8` }

function selectOf(client: pg.Client, { name, columns }: Table): string {
  const values = columns.map((column) => INSTEAD[`${name}.${column}`] ?? client.escapeIdentifier(column))
  return `SELECT ${values.join(', ')} FROM public.${client.escapeIdentifier(name)}`
}

type HeaderFacts = Pick<BackupHeader, 'tables' | 'migrations' | 'gatehouse' | 'archive'>

async function headerOf(client: pg.Client, facts: HeaderFacts): Promise<BackupHeader> {
  const { rows } = await client.query<{ id: string; master: string | null; postgres: string; at: Date }>(
    `SELECT id::text, master_id AS master, current_setting('server_version') AS postgres, now() AS at FROM instance`,
  )
  const [instance] = rows
  if (!instance) throw new Error('the database has no instance row')
  return {
    format: FORMAT,
    postgres: instance.postgres,
    createdAt: instance.at.toISOString(),
    instanceId: instance.id,
    masterKey: instance.master,
    ...facts,
    leftOut: [...LEFT_OUT],
    months: await monthsOf(client),
    logs: await logsOf(client),
  }
}

async function logsOf(client: pg.Client): Promise<LogHead[]> {
  const { rows } = await client.query<Omit<LogHead, 'size' | 'root'> & { size: string; tree: string }>(
    `SELECT tenant_id::text AS "tenantId", origin, epoch, size::text, encode(tree, 'hex') AS tree FROM audit_head ORDER BY 1`,
  )
  return rows.map(({ tree, size, ...head }) => ({
    ...head,
    size: Number(size),
    root: hexEncode(rootOf(tree === '' ? emptyTree() : decodeTreeState(hexDecode(tree)))),
  }))
}
