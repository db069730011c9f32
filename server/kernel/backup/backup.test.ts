import { randomBytes } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { publishFile } from '#server/content/commands.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { runtime } from '#server/kernel/runtime.ts'
import { enrollTestDevice } from '#test/device.ts'
import { makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { migrate } from '../migrate.ts'
import { LOGIN_ROLES, roleName, SILENT_ROLES } from '../roles.ts'
import { ArchiveWriter } from './archive-writer.ts'
import type { BackupHeader } from './format.ts'
import { LEFT_OUT } from './left-out.ts'
import { masterKeysFor, openBackup, type Restored, restoreBackup } from './restore-backup.ts'
import { writeBackup } from './write-backup.ts'

const source = useDatabase()
const targets: string[] = []
let tenantId = ''

beforeAll(async () => {
  tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true })
  await enrollTestDevice(owner)
  const content = randomBytes(1_500_000)
  await publishFile(owner, {
    name: 'plan.bin',
    mediaType: 'application/octet-stream',
    labels: [],
    audience: 'everyone',
    content,
  })
  const audit = Array.from({ length: 600 }, (_, number) => ({
    action: 'tenant.update' as const,
    target: { type: 'tenant', id: tenantId, name: `change ${number} é\\\t"` },
  }))
  await runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'tenant.update' }, async () => ({
    result: null,
    audit,
  }))
  for (const [name, text] of Object.entries(FILES)) {
    mkdirSync(join(source.dataDir, name, '..'), { recursive: true })
    writeFileSync(join(source.dataDir, name.replace('TENANT', tenantId)), text)
  }
  await archiveFile(COLD)
})
afterAll(async () => {
  for (const database of targets) {
    await superuser(inject('adminUrl'), `DROP DATABASE ${database} WITH (FORCE)`)
    for (const role of [...SILENT_ROLES, ...LOGIN_ROLES])
      await superuser(inject('adminUrl'), `DROP ROLE IF EXISTS ${roleName(database, role)}`)
    await superuser(inject('adminUrl'), `DROP ROLE ${database}`)
  }
})

const COLD = 'a file of the archive'
const coldName = () => `tenant=${tenantId}/date=2026-01-01/000000000000.1.parquet`

/** As if events had been archived before. */
async function archiveFile(text: string): Promise<void> {
  const path = join(source.dataDir, 'archive', coldName())
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, text)
  await superuser(
    source.adminUrl,
    `SET session_replication_role = replica; INSERT INTO audit_archive_file VALUES ('${tenantId}', 0, 5, '2026-01-01', 5, 5, ${text.length},
       sha256('${text}'), '2026-01-01', '2026-01-01', 0, 0, '${coldName()}', 1, 'written')`,
  )
}

const line = (size: number) => `${JSON.stringify({ size, note: 'a note', signedAt: '2026-01-01T00:00:00.000Z' })}\n`
const FILES = {
  'checkpoints/TENANT.log': `${line(3)}${line(5)}${line(1_000_000)}`,
  'checkpoints/TENANT.verified': 'not needed',
  'checkpoints/destroyed-TENANT': '\n0199b6a0-0000-7000-8000-000000000001\n',
  'checkpoints/destroyed-erasures-TENANT':
    '\n0199b6a0-0000-7000-8000-000000000001 0199b6a0-0000-7000-8000-000000000002 2026-01-01T00:00:00.000Z\n',
  'keys/log-TENANT.key': 'PRIVATE+KEY+of+the+log\n',
  'gateway-tls/ca-key.pem': 'the authority of the gateway',
  'ca.pem': 'its certificate',
}

async function superuser<Row extends pg.QueryResultRow>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return client.query<Row>(text).then(
    ({ rows }) => client.end().then(() => rows),
    (error: unknown) => client.end().then(() => Promise.reject(error)),
  )
}

type Target = { adminUrl: string; dataDir: string }

async function emptyDatabase(): Promise<Target> {
  const database = `gh_${process.pid}_${randomBytes(4).toString('hex')}`
  targets.push(database)
  // What DATABASE_URL may be: a login that makes roles, and no superuser.
  await superuser(inject('adminUrl'), `CREATE ROLE ${database} LOGIN CREATEROLE PASSWORD 'login'`)
  await superuser(inject('adminUrl'), `CREATE DATABASE ${database} OWNER ${database}`)
  const url = new URL(inject('adminUrl'))
  Object.assign(url, { pathname: `/${database}`, username: database, password: 'login' })
  const dataDir = join(source.dataDir, database)
  mkdirSync(dataDir)
  return { adminUrl: url.href, dataDir }
}

function asSuperuser(databaseUrl: string): string {
  const url = new URL(inject('adminUrl'))
  url.pathname = new URL(databaseUrl).pathname
  return url.href
}

async function backUp(name: string, { adminUrl, dataDir } = source as Target): Promise<string> {
  const out = join(source.dataDir, name)
  await writeBackup({ adminUrl, dataDir, out, gatehouse: 'test' })
  return out
}

async function restore(file: string, target: { adminUrl: string; dataDir: string }) {
  const backup = await openBackup(file)
  const masterKeys = masterKeysFor(backup.header, { masterKeyFile: runtime().masterKeys.file })
  return restoreBackup({ ...target, masterKeys, backup })
}

/** Every row of every table, as the superuser sees it. */
async function contents(database: string): Promise<Record<string, string>> {
  const adminUrl = asSuperuser(database)
  const tables = await superuser<{ name: string }>(
    adminUrl,
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
        AND relname <> '_prisma_migrations' ORDER BY 1`,
  )
  const found: Record<string, string> = {}
  for (const { name } of tables) {
    const row = name === 'command' ? `to_jsonb(t) - 'xact'` : 'to_jsonb(t)'
    const [sum] = await superuser<{ sum: string }>(
      adminUrl,
      `SELECT count(*) || ' ' || coalesce(md5(string_agg(r, '|' ORDER BY r)), '') AS sum FROM (SELECT (${row})::text AS r FROM ${name} t) x`,
    )
    found[name] = sum?.sum ?? ''
  }
  return found
}

/** Row-level security and triggers of every table. */
function walls(adminUrl: string) {
  return superuser(
    adminUrl,
    `SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, array_agg(t.tgname || t.tgenabled::text ORDER BY 1) FILTER (WHERE NOT t.tgisinternal) AS triggers
       FROM pg_class c LEFT JOIN pg_trigger t ON t.tgrelid = c.oid WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
        AND c.relname !~ '_[0-9]{6}$' GROUP BY c.oid ORDER BY 1`,
  )
}

test('the backup’s role reads every table but those that are left out', async () => {
  const role = roleName(new URL(source.adminUrl).pathname.slice(1), 'backup')
  const unreadable = await superuser<{ name: string }>(
    source.adminUrl,
    `SELECT c.relname AS name FROM pg_class c
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> '_prisma_migrations'
        AND NOT (has_table_privilege('${role}', c.oid, 'SELECT') AND (NOT c.relrowsecurity OR EXISTS
          (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND '${role}'::regrole = ANY (p.polroles)))) ORDER BY 1`,
  )
  // A new table of an organisation is let in by protect_table; another one says so here.
  expect(unreadable.map(({ name }) => name)).toEqual([...LEFT_OUT].sort())
})

describe('there and back', () => {
  const whole: Partial<{ target: Target; file: string; restored: Restored }> = {}
  beforeAll(async () => {
    const target = await emptyDatabase()
    const file = await backUp('whole.backup')
    Object.assign(whole, { target, file, restored: await restore(file, target) })
  })
  const made = () => whole as Required<typeof whole>

  test('every row is there again behind the same walls, but for what backups leave out', async () => {
    const { target, restored } = made()
    const [before, after] = [await contents(source.adminUrl), await contents(target.adminUrl)]
    for (const name of LEFT_OUT) {
      expect(after[name]).toBe('0 ')
      delete before[name]
      delete after[name]
    }
    expect(after).toEqual(before)
    expect(Number(before.audit_entry?.split(' ')[0])).toBeGreaterThan(600)
    expect(restored.rows).toBeGreaterThan(600)
    expect(await walls(target.adminUrl)).toEqual(await walls(source.adminUrl))
    // And from there once more.
    const further = await emptyDatabase()
    await restore(await backUp('again.backup', target), further)
    expect(await contents(further.adminUrl)).toEqual({
      ...after,
      ...Object.fromEntries(LEFT_OUT.map((name) => [name, '0 '])),
    })
  })

  test('its files: the published list up to what the database held, lists, keys; never the master key, and no key in clear', async () => {
    const { target, file } = made()
    expect(readFileSync(file).includes('PRIVATE+KEY')).toBe(false)
    const at = (name: string) => join(target.dataDir, name.replace('TENANT', tenantId))
    const read = (name: string) => readFileSync(at(name), 'utf8')
    expect(read('checkpoints/TENANT.log')).toBe(`${line(3)}${line(5)}`)
    for (const name of [
      'checkpoints/destroyed-TENANT',
      'checkpoints/destroyed-erasures-TENANT',
      'keys/log-TENANT.key',
      'gateway-tls/ca-key.pem',
      'ca.pem',
    ] as const)
      expect(read(name)).toBe(FILES[name])
    expect([existsSync(at('checkpoints/TENANT.verified')), existsSync(at('keys/master.key'))]).toEqual([false, false])
  })

  test('the files of the archive, where they belong; of those in a bucket it says that it does not hold them', async () => {
    const at = (target: Target) => join(target.dataDir, 'archive', coldName())
    expect(readFileSync(at(made().target), 'utf8')).toBe(COLD)
    const { header } = await openBackup(made().file)
    expect(header.archive).toEqual({ files: 1, bytes: COLD.length, bucket: null })
    const out = join(source.dataDir, 'bucket.backup')
    const written = await writeBackup({ ...source, out, gatehouse: 'test', bucket: 'cold' })
    expect(written.archive).toEqual({ files: 1, bytes: COLD.length, bucket: 'cold' })
  })

  test('what is there and newer stays: checkpoints, lists of what was destroyed since, keys', async () => {
    const target = await emptyDatabase()
    const at = (name: string) => join(target.dataDir, name.replace('TENANT', tenantId))
    for (const folder of ['checkpoints', 'keys']) mkdirSync(at(folder))
    writeFileSync(at('checkpoints/TENANT.log'), line(2_000_000))
    writeFileSync(at('checkpoints/destroyed-TENANT'), '0199b6a0-0000-7000-8000-00000000000f\n')
    writeFileSync(at('keys/log-TENANT.key'), 'the key in use')
    await restore(await backUp('merge.backup'), target)
    expect(readFileSync(at('checkpoints/TENANT.log'), 'utf8')).toBe(line(2_000_000))
    expect(readFileSync(at('checkpoints/destroyed-TENANT'), 'utf8').split('\n').filter(Boolean).sort()).toEqual([
      '0199b6a0-0000-7000-8000-000000000001',
      '0199b6a0-0000-7000-8000-00000000000f',
    ])
    expect(readFileSync(at('keys/log-TENANT.key'), 'utf8')).toBe('the key in use')
  })
})

describe('refused', () => {
  /** Stays empty. */
  let target: Target
  beforeAll(async () => {
    target = await emptyDatabase()
    await migrate({ adminUrl: target.adminUrl })
  })

  test('a database that is not empty; a file that exists; without the master key or with another one', async () => {
    const file = await backUp('refused.backup')
    await expect(restore(file, source)).rejects.toThrow(/the database is not empty \(\w+ has rows\)/)
    await expect(backUp('refused.backup')).rejects.toThrow(/exists: a backup replaces no file/)
    const { header } = await openBackup(file)
    const missing = join(source.dataDir, 'nowhere.key')
    expect(() => masterKeysFor(header, { masterKeyFile: missing })).toThrow(
      `there is no master key in ${missing}: put the one back that the instance used (${header.masterKey})`,
    )
    expect(existsSync(missing)).toBe(false)
    writeFileSync(missing, Buffer.alloc(32, 7))
    expect(() => masterKeysFor(header, { masterKeyFile: missing })).toThrow(/wrapped under the master key file:/)
    rmSync(missing)
  })

  test('a backup of a newer version; a database that is newer than the backup', async () => {
    const file = await backUp('versions.backup')
    const { header } = await openBackup(file)
    const newer = join(source.dataDir, 'newer.backup')
    await writeHeader(newer, {
      ...header,
      migrations: [...header.migrations, { name: '29990101000000_later', checksum: 'x' }],
    })
    await expect(openBackup(newer)).rejects.toThrow(
      'newer version of Gatehouse, test (it has the migration 29990101000000_later)',
    )
    const older = join(source.dataDir, 'older.backup')
    await writeHeader(older, { ...header, migrations: header.migrations.slice(0, -1) })
    await expect(restore(older, target)).rejects.toThrow(
      /has the migration \d+_\w+ already, the backup is from before it/,
    )
  })

  test('a file of the archive that is missing or was changed: no backup is made that would not hold it', async () => {
    const path = join(source.dataDir, 'archive', coldName())
    writeFileSync(path, COLD.replace('a', 'b'))
    await expect(backUp('changed.backup')).rejects.toThrow(/000000000000\.1\.parquet is not what was recorded of it/)
    rmSync(path)
    await expect(backUp('missing.backup')).rejects.toThrow(/000000000000\.1\.parquet is missing/)
    // One that names a bucket holds none of them; taken for one that holds them all it is refused.
    const out = join(source.dataDir, 'elsewhere.backup')
    await writeBackup({ ...source, out, gatehouse: 'test', bucket: 'cold' })
    const backup = await openBackup(out)
    const masterKeys = masterKeysFor(backup.header, { masterKeyFile: runtime().masterKeys.file })
    const header = { ...backup.header, archive: undefined }
    await expect(restoreBackup({ ...target, masterKeys, backup: { ...backup, header } })).rejects.toThrow(
      /the backup does not hold the archive's file/,
    )
    writeFileSync(path, COLD)
  })

  test('a log that was altered before it was backed up: the event is named', async () => {
    const edit = (from: string, to: string) =>
      superuser(
        source.adminUrl,
        `SET session_replication_role = replica; UPDATE audit_entry SET entry = replace(entry, '${from}', '${to}') WHERE index = 300`,
      )
    await edit('"tenant.update"', '"tenant.upDate"')
    const file = await backUp('altered.backup')
    await edit('"tenant.upDate"', '"tenant.update"')
    await expect(restore(file, target)).rejects.toThrow(
      `the log of ${tenantId} is not what was backed up: event 300 was altered`,
    )
    expect((await contents(target.adminUrl)).tenant).toBe('0 ')
  })

  test('damage is found before anything is kept, and the same database takes the whole file then', async () => {
    const file = await backUp('damage.backup')
    const whole = readFileSync(file)
    const damaged = join(source.dataDir, 'damaged.backup')
    for (const [change, message] of [
      [flipIn(whole, 'tables/audit_entry/000001.zst'), /tables\/audit_entry\/000001.zst is damaged/],
      [whole.subarray(0, whole.length - 3_000), /ends early|ends without manifest/],
      [flipIn(whole, `keys/log-${tenantId}.key.sealed/000001.zst`), /log-.*sealed\/000001.zst is damaged/],
    ] as const) {
      writeFileSync(damaged, change)
      await expect(restore(damaged, target)).rejects.toThrow(message)
      expect((await contents(target.adminUrl)).tenant).toBe('0 ')
    }
    expect(existsSync(join(target.dataDir, 'checkpoints'))).toBe(false)
    await restore(file, target)
    expect((await contents(target.adminUrl)).tenant).toMatch(/^1 /)
  })
})

async function writeHeader(file: string, header: BackupHeader): Promise<void> {
  const writer = new ArchiveWriter(async (bytes) => appendFileSync(file, bytes), header)
  await writer.end()
}

function flipIn(archive: Buffer, member: string): Buffer {
  const changed = Buffer.from(archive)
  const at = archive.indexOf(member) + 512 + 40
  changed[at] = (changed[at] ?? 0) ^ 0x10
  return changed
}
