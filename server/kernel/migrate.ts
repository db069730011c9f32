import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Logger, runMigrations } from 'graphile-worker'
import pg from 'pg'
import { uuidv7 } from '#lib/uuid.ts'
import { LOGIN_ROLES, type LoginRole, roleName, SILENT_ROLES } from './roles.ts'

export type MigrateOptions = {
  /** A login that may create roles, at the database to migrate. */
  adminUrl: string
  /** Passwords for the three logins; absent: the roles cannot log in and are taken with SET LOCAL ROLE. */
  passwords?: Record<LoginRole, string>
  /** These migrations and no others: the schema of an older version, for a backup of it. */
  only?: ReadonlySet<string>
}

/** A fault the operator can mend: shown as one line, without a stack. */
export class MigrateError extends Error {}

const MIGRATIONS = fileURLToPath(new URL('../../prisma/migrations/', import.meta.url))

/**
 * Brings the database to this version's schema: roles, migrations in Prisma's layout (recorded with Prisma's checksum), the
 * job queue's own tables. Safe to run twice and from two processes.
 * @throws MigrateError when the database is of a newer version or the login lacks a right
 */
export async function migrate({ adminUrl, passwords, only }: MigrateOptions): Promise<{ applied: string[] }> {
  const database = decodeURIComponent(new URL(adminUrl).pathname.slice(1))
  await ensureRoles(adminUrl, database, passwords)
  const client = new pg.Client({ connectionString: adminUrl })
  await client.connect()
  try {
    await client.query(`SELECT pg_advisory_lock(hashtext('gatehouse.migrate'))`)
    const applied = await applyMigrations(client, database, only)
    await installQueue(client, adminUrl, database)
    return { applied }
  } finally {
    await client.end()
  }
}

/** Roles are cluster-wide: made under a lock of the `postgres` database, and a role made meanwhile by another is no error. */
async function ensureRoles(adminUrl: string, database: string, passwords?: Record<LoginRole, string>): Promise<void> {
  const url = new URL(adminUrl)
  url.pathname = '/postgres'
  const client = new pg.Client({ connectionString: url.href })
  await client.connect().catch((cause: unknown) => {
    throw new MigrateError(
      `the database does not accept a connection: ${cause instanceof Error ? cause.message : String(cause)}`,
    )
  })
  try {
    await client.query(`SELECT pg_advisory_lock(hashtext('gatehouse.roles'))`)
    for (const suffix of [...SILENT_ROLES, ...LOGIN_ROLES]) {
      const role = client.escapeIdentifier(roleName(database, suffix))
      const login =
        isLoginRole(suffix) && passwords ? `LOGIN PASSWORD ${client.escapeLiteral(passwords[suffix])}` : 'NOLOGIN'
      await client.query(`CREATE ROLE ${role} ${login}`).catch((error: unknown) => {
        if (!isDuplicateRole(error))
          throw new MigrateError(
            `cannot create the role ${role}: ${String(error)}. The login of DATABASE_URL must be allowed to create roles; see gatehouse migrate --print-roles.`,
          )
      })
      if (isLoginRole(suffix) && passwords) await client.query(`ALTER ROLE ${role} ${login}`)
      // A CREATEROLE login is no member of what it creates; it needs membership for SET ROLE.
      await client.query(`GRANT ${role} TO CURRENT_USER`).catch(ignoreRaces)
    }
    const owner = client.escapeIdentifier(roleName(database, 'owner'))
    const worker = client.escapeIdentifier(roleName(database, 'worker'))
    // The owner hands functions to the roles that may do with the log what no process may.
    for (const suffix of ['search', 'retention'] as const)
      await client.query(`GRANT ${client.escapeIdentifier(roleName(database, suffix))} TO ${owner}`).catch(ignoreRaces)
    await client
      .query(`GRANT CONNECT, CREATE ON DATABASE ${client.escapeIdentifier(database)} TO ${owner}, ${worker}`)
      .catch(ignoreRaces)
  } finally {
    await client.end()
  }
}

function isLoginRole(suffix: string): suffix is LoginRole {
  return LOGIN_ROLES.some((role) => role === suffix)
}

function isDuplicateRole(error: unknown): boolean {
  const code = (error as { code?: string }).code
  return code === '42710' || code === '23505'
}

function ignoreRaces(error: unknown): void {
  const { code, message } = error as { code?: string; message?: string }
  if (code === '0LP01' || code === '23505' || code === '42710' || message?.includes('tuple concurrently updated'))
    return
  throw error
}

export type MigrationFile = { name: string; sql: string; checksum: string }

/** Every migration of this version, in the order in which they are applied. */
export function readMigrations(): MigrationFile[] {
  return readdirSync(MIGRATIONS, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => {
      const sql = readFileSync(join(MIGRATIONS, name, 'migration.sql'), 'utf8')
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') }
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

async function applyMigrations(client: pg.Client, database: string, only?: ReadonlySet<string>): Promise<string[]> {
  const owner = client.escapeIdentifier(roleName(database, 'owner'))
  const search = client.escapeIdentifier(roleName(database, 'search'))
  const retention = client.escapeIdentifier(roleName(database, 'retention'))
  await client.query(`GRANT CREATE, USAGE ON SCHEMA public TO ${owner}, ${search}, ${retention}`)
  // The table is Prisma's own, so that `prisma migrate deploy` agrees where it can run.
  await client.query(`CREATE TABLE IF NOT EXISTS _prisma_migrations (
    id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at timestamptz, migration_name varchar(255) NOT NULL,
    logs text, rolled_back_at timestamptz, started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0)`)
  const files = readMigrations()
  const { rows } = await client.query<{ migration_name: string; checksum: string }>(
    'SELECT migration_name, checksum FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL',
  )
  const done = new Map(rows.map((row) => [row.migration_name, row.checksum]))
  refuseForeignHistory(files, done)
  const waiting = files.filter(({ name }) => !done.has(name) && (!only || only.has(name)))
  for (const file of waiting) await applyOne(client, owner, file)
  return waiting.map((file) => file.name)
}

function refuseForeignHistory(files: MigrationFile[], done: Map<string, string>): void {
  const known = new Map(files.map((file) => [file.name, file.checksum]))
  for (const [name, checksum] of done) {
    const ours = known.get(name)
    if (!ours)
      throw new MigrateError(
        `the database is of a newer version of Gatehouse (it has the migration ${name}): start that version, or restore a backup of this one`,
      )
    if (ours !== checksum)
      throw new MigrateError(`the migration ${name} differs from the one this database was made with`)
  }
}

/** Dying inside leaves nothing behind: the statements and the record are one transaction. */
async function applyOne(client: pg.Client, owner: string, file: MigrationFile): Promise<void> {
  await client.query('BEGIN')
  try {
    await client.query(`SET LOCAL ROLE ${owner}`)
    await client.query(file.sql)
    await client.query('RESET ROLE')
    await client.query(
      'INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, applied_steps_count) VALUES ($1, $2, now(), $3, 1)',
      [uuidv7(), file.checksum, file.name],
    )
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK')
    throw new MigrateError(
      `the migration ${file.name} failed: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}

/**
 * The queue's tables belong to the worker's role and carry row-level security, so the writer adds jobs through one
 * function of that role, inside its own transaction.
 */
async function installQueue(client: pg.Client, adminUrl: string, database: string): Promise<void> {
  const worker = client.escapeIdentifier(roleName(database, 'worker'))
  const callers = (['writer', 'reader'] as const)
    .map((role) => client.escapeIdentifier(roleName(database, role)))
    .join(', ')
  await client.query(`GRANT USAGE, CREATE ON SCHEMA public TO ${worker}`)
  const pool = new pg.Pool({ connectionString: adminUrl, options: `-c role=${roleName(database, 'worker')}`, max: 2 })
  pool.on('error', () => {})
  pool.on('connect', (connection) => connection.on('error', () => {}))
  try {
    await runMigrations({ pgPool: pool, logger: quietLogger })
  } finally {
    await pool.end()
  }
  await client.query(`SET ROLE ${worker}`)
  // Without a time it comes behind all that wait now; what waits already keeps its place, or whoever is asked for again and again never had a turn.
  await client.query(`CREATE OR REPLACE FUNCTION public.enqueue_job(task text, payload json, run_at timestamptz, job_key text) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = graphile_worker, public, pg_temp
    AS $$ SELECT graphile_worker.add_job(task, payload, job_key => job_key, max_attempts => 25, run_at => coalesce(run_at, least(now(),
            (SELECT j.run_at FROM graphile_worker.jobs j WHERE j.key = enqueue_job.job_key AND j.locked_at IS NULL)))) $$`)
  await client.query('REVOKE ALL ON FUNCTION public.enqueue_job(text, json, timestamptz, text) FROM PUBLIC')
  await client.query(`GRANT EXECUTE ON FUNCTION public.enqueue_job(text, json, timestamptz, text) TO ${callers}`)
  await client.query('RESET ROLE')
}

const quietLogger = new Logger(() => () => {})
