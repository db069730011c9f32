import 'server-only'
import { createReadStream, existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { deriveKey } from '../cipher.ts'
import type { Sql } from '../db.ts'
import type { TransitSettings } from '../env/vault.ts'
import { type MasterKeys, openMasterKeys, requireMasterKey } from '../master-keys.ts'
import { migrate, readMigrations } from '../migrate.ts'
import { roleName } from '../roles.ts'
import { openRootSecretOf, readInstanceKeys } from '../root-secret.ts'
import { ArchiveReader } from './archive-reader.ts'
import { checkRestoredLog } from './check-log.ts'
import { coldFilesOf, isColdStream, requireColdFiles } from './cold-files.ts'
import { isKnownFile, placeFiles, type Sealing, stageFile } from './data-dir.ts'
import { BackupError, type BackupHeader } from './format.ts'
import { loadJobs, loadTables, lowerWalls, raiseWalls } from './load.ts'
import { decryptedFrom } from './passphrase.ts'
import { BACKUP_KEY, migrationsOf } from './write-backup.ts'

export type OpenedBackup = { header: BackupHeader; archive: ArchiveReader }

/** Opens a backup and looks at its header. @throws BackupError when it is none, or of a newer version */
export async function openBackup(file: string, passphrase?: string): Promise<OpenedBackup> {
  if (!existsSync(file)) throw new BackupError(`${file} does not exist`)
  const archive = new ArchiveReader(decryptedFrom(createReadStream(file, { highWaterMark: 1_048_576 }), passphrase))
  const header = await archive.header()
  requireKnownMigrations(header)
  return { header, archive }
}

function requireKnownMigrations({ migrations, gatehouse }: BackupHeader): void {
  const known = new Map(readMigrations().map(({ name, checksum }) => [name, checksum]))
  for (const { name, checksum } of migrations) {
    const ours = known.get(name)
    if (ours === undefined)
      throw new BackupError(
        `the backup is of a newer version of Gatehouse, ${gatehouse} (it has the migration ${name})`,
      )
    if (ours !== checksum)
      throw new BackupError(`the migration ${name} differs from the one that the backup was made with`)
  }
}

/** The master keys at hand, if the one that the backup needs is among them; makes none. @throws BackupError · MasterKeyError */
export function masterKeysFor(
  { masterKey }: BackupHeader,
  { masterKeyFile, transit }: { masterKeyFile: string; transit?: TransitSettings },
): MasterKeys {
  if (!transit && !existsSync(masterKeyFile))
    throw new BackupError(
      `there is no master key in ${masterKeyFile}: put the one back that the instance used (${masterKey}); backups do not hold it`,
    )
  const masterKeys = openMasterKeys({ file: masterKeyFile, ...(transit ? { transit } : {}) })
  if (masterKey !== null) requireMasterKey(masterKeys, masterKey)
  return masterKeys
}

export type RestoreOptions = {
  /** The owner of an empty database, or a superuser. */
  adminUrl: string
  dataDir: string
  masterKeys: MasterKeys
  backup: OpenedBackup
}

export type Restored = { instanceId: string; createdAt: string; tables: number; rows: number; files: number }

/**
 * Loads a backup into an empty database in one transaction: the schema of its version, every row, and before the commit every sum, count
 * and the tree of every log. Whatever fails, the database is as empty as before. Newer migrations are the caller's.
 * @throws BackupError naming what is wrong with the file · MasterKeyError
 */
export async function restoreBackup({ adminUrl, dataDir, masterKeys, backup }: RestoreOptions): Promise<Restored> {
  const { header, archive } = backup
  const wanted = new Set(header.migrations.map(({ name }) => name))
  await migrate({ adminUrl, only: wanted })
  const staged = join(dataDir, `restore-${process.pid}`)
  // What an attempt that was killed had staged.
  for (const name of readdirSync(dataDir))
    if (/^restore-\d+$/.test(name)) rmSync(join(dataDir, name), { recursive: true })
  const client = new pg.Client({ connectionString: adminUrl, application_name: 'gatehouse-restore' })
  client.on('error', () => {})
  await client.connect()
  try {
    await requireSchema(client, wanted)
    const database = decodeURIComponent(new URL(adminUrl).pathname.slice(1))
    const role = (suffix: 'owner' | 'worker') => client.escapeIdentifier(roleName(database, suffix))
    await client.query(`BEGIN; SET LOCAL ROLE ${role('owner')}`)
    const walls = await lowerWalls(client, header)
    const rows = await loadTables(client, backup)
    await client.query(`SET LOCAL ROLE ${role('worker')}`)
    rows.set('jobs', await loadJobs(client, archive))
    await client.query(`SET LOCAL ROLE ${role('owner')}`)
    const files = await stageFiles(archive, staged)
    const { streams } = await archive.end(rows)
    if (!header.archive?.bucket) requireColdFiles(await coldFilesOf(client), streams)
    for (const log of header.logs) await checkRestoredLog(client, log)
    const sealing = await sealingOf(client, masterKeys)
    await raiseWalls(client, walls)
    // Before the commit: whatever the restored rows bring back is on the lists when somebody may see them.
    placeFiles(staged, dataDir, files, sealing)
    await client.query('COMMIT')
    const total = [...rows.values()].reduce((sum, count) => sum + count, 0)
    const { instanceId, createdAt } = header
    return { instanceId, createdAt, tables: header.tables.length, rows: total, files: files.length }
  } finally {
    await client.end().catch(() => {})
    rmSync(staged, { recursive: true, force: true })
  }
}

/** What newer migrations do to rows they must do to these: they come after loading. */
async function requireSchema(client: pg.Client, wanted: ReadonlySet<string>): Promise<void> {
  const newer = (await migrationsOf(client)).find(({ name }) => !wanted.has(name))
  if (newer)
    throw new BackupError(
      `the database has the migration ${newer.name} already, the backup is from before it: restore into a database that was never started`,
    )
}

/** Files wait beside until everything was found whole. */
async function stageFiles(archive: ArchiveReader, staged: string): Promise<string[]> {
  const names: string[] = []
  for (let name = await archive.peek(); name !== undefined; name = await archive.peek()) {
    if (!isKnownFile(name) && !isColdStream(name))
      throw new BackupError(`the file holds ${name}, which this version does not know`)
    await stageFile(join(staged, name), archive.stream(name))
    names.push(name)
  }
  return names
}

/** What the keys in the backup are sealed under; asking for it shows that the master key at hand opens this instance. */
async function sealingOf(client: pg.Client, masterKeys: MasterKeys): Promise<Sealing> {
  const sql: Sql = async <Row>(text: string, values: readonly unknown[] = []) =>
    (await client.query(text, [...values])).rows as Row[]
  const row = await readInstanceKeys(sql)
  if (row.masterId === null) throw new BackupError('the backup is of an instance that never had a master key')
  return { key: deriveKey(await openRootSecretOf(masterKeys, row), BACKUP_KEY), instanceId: row.id }
}
