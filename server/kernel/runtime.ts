import 'server-only'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import type { TransitSettings } from './env/vault.ts'
import { readEnv } from './env.ts'
import { PrismaClient } from './generated/client.ts'
import { type MasterKeys, openMasterKeys } from './master-keys.ts'
import { type LoginRole, roleName } from './roles.ts'

/** How the three roles log in. `setRole` is null where each has a login of its own. */
export type DatabaseLogins = Record<LoginRole, string> & { setRole: Record<LoginRole, string> | null }

export type Runtime = {
  dataDir: string
  masterKeys: MasterKeys
  /** What the instance's own keys derive from; there once `openKeys` has been. */
  rootSecret?: Buffer
  /** Under way, or done. */
  opening?: Promise<void> | undefined
  logins: DatabaseLogins
  pools: Record<'reader' | 'writer', pg.Pool>
  prisma: Record<'reader' | 'writer', PrismaClient>
}

// Next bundles may hold several copies of this module; the process has one set of pools.
const SLOT = Symbol.for('gatehouse.runtime')
const slots = globalThis as { [SLOT]?: Runtime }

/** The process-wide connections and the master keys; made on first use from the environment. */
export function runtime(): Runtime {
  slots[SLOT] ??= createRuntime(fromEnvironment())
  return slots[SLOT]
}

/** Connections of readers that stay however long nobody asks: a page of the console asks two at a time. */
const KEPT_READERS = 2

export type RuntimeOptions = {
  dataDir: string
  logins: DatabaseLogins
  masterKeyFile?: string
  /** The master key lies in Vault; a file that is there still opens what it wrapped. */
  transit?: TransitSettings
  poolSize?: number
}

export function createRuntime({ dataDir, logins, masterKeyFile, transit, poolSize = 10 }: RuntimeOptions): Runtime {
  const pool = (role: 'reader' | 'writer') => {
    const made = new pg.Pool({
      connectionString: logins[role],
      max: poolSize,
      connectionTimeoutMillis: 5_000,
      idleTimeoutMillis: 30_000,
      // Whoever asks after a pause need not connect first, nor have every statement prepared again.
      min: role === 'reader' ? KEPT_READERS : 0,
      // What lies between us and the database may forget a connection on which nothing is said, and tell nobody.
      keepAlive: true,
      keepAliveInitialDelayMillis: 30_000,
      application_name: `gatehouse-${role}`,
      options: '-c statement_timeout=30000 -c idle_in_transaction_session_timeout=60000 -c TimeZone=UTC',
      // Statements that do not need each other's answers go out together, see `pgTransaction`.
      pipeline: true,
    })
    // An idle connection that breaks is replaced on the next use; without a listener it would end the process.
    made.on('error', () => {})
    // Nor may one that is in use and breaks between two statements: whoever uses it hears of it at the next one.
    made.on('connect', (client) => client.on('error', () => {}))
    return made
  }
  const pools = { reader: pool('reader'), writer: pool('writer') }
  const prisma = {
    reader: new PrismaClient({ adapter: new PrismaPg(pools.reader) }),
    writer: new PrismaClient({ adapter: new PrismaPg(pools.writer) }),
  }
  return {
    dataDir,
    masterKeys: openMasterKeys({
      file: masterKeyFile ?? join(dataDir, 'keys', 'master.key'),
      ...(transit ? { transit } : {}),
    }),
    logins,
    pools,
    prisma,
  }
}

/** Connections of the worker's role for the job queue. A broken idle one is replaced; what it was doing is tried again. */
export function openWorkerPool(size: number, onError: (error: Error) => void): pg.Pool {
  const { logins } = runtime()
  const role = logins.setRole ? { options: `-c role=${logins.setRole.worker}` } : {}
  const pool = new pg.Pool({
    connectionString: logins.worker,
    max: size,
    application_name: 'gatehouse-worker',
    ...role,
  })
  pool.on('error', onError)
  pool.on('connect', (client) => client.on('error', onError))
  return pool
}

/** Makes `made` the process-wide runtime (the bootstrap, and tests that bring a database of their own). */
export async function setRuntime(made: Runtime | undefined): Promise<void> {
  const before = slots[SLOT]
  slots[SLOT] = made
  if (before) await closeRuntime(before)
}

export async function closeRuntime(made: Runtime | undefined = slots[SLOT]): Promise<void> {
  if (!made) return
  if (slots[SLOT] === made) slots[SLOT] = undefined
  await Promise.all([made.prisma.reader.$disconnect(), made.prisma.writer.$disconnect()])
  await Promise.all(Object.values(made.pools).map((pool) => (pool.ended ? undefined : pool.end())))
}

/** Logins for one PostgreSQL login that takes the roles with SET LOCAL ROLE. */
export function singleLogin(url: string): DatabaseLogins {
  const database = decodeURIComponent(new URL(url).pathname.slice(1))
  const names = {
    reader: roleName(database, 'reader'),
    writer: roleName(database, 'writer'),
    worker: roleName(database, 'worker'),
  }
  return { reader: url, writer: url, worker: url, setRole: names }
}

function fromEnvironment(): RuntimeOptions {
  const dataDir = process.env.GATEHOUSE_DATA_DIR ?? './.gatehouse'
  const { DATABASE_URL: url, GATEHOUSE_MASTER_KEY_FILE: masterKeyFile, GATEHOUSE_MASTER_KEY: masterKey } = process.env
  const transit = masterKey ? readEnv().transit : undefined
  return {
    dataDir,
    logins: url ? singleLogin(url) : readLogins(dataDir),
    ...(masterKeyFile ? { masterKeyFile } : {}),
    ...(transit ? { transit } : {}),
  }
}

/** `secrets.json` of the data directory, mode 0600. */
export type Secrets = { database?: Record<LoginRole, string>; [name: string]: unknown }

export function readSecrets(dataDir: string): Secrets {
  const path = join(dataDir, 'secrets.json')
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Secrets) : {}
}

function readLogins(dataDir: string): DatabaseLogins {
  const { database } = readSecrets(dataDir)
  if (!database)
    throw new Error(`no database is set up in ${dataDir}: run npm start or gatehouse init first, or set DATABASE_URL`)
  return { ...database, setRole: null }
}
