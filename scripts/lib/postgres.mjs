import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import readline from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { ensureDataDir, mergeSecrets, readSecrets } from './files.mjs'
import { holderOf, tryLock } from './lock.mjs'
import { freePort } from './ports.mjs'
import { canReach, databaseAccount } from './postgres-account.mjs'
import { ensureSystemDir, postgresBinaries, SYSTEM_DIR } from './postgres-binaries.mjs'
import {
  CLEAN_ENV,
  clearLeftover,
  createCluster,
  endServer,
  placeCluster,
  readPostmaster,
} from './postgres-cluster.mjs'
import { Refusal } from './refusal.mjs'

const DATABASE = 'gatehouse'

/**
 * Starts the embedded PostgreSQL of a data directory, creating the cluster and the `gatehouse` database the first time.
 * Refuses while another process runs it. `onLog` hears the server's log lines; `port` insists on one instead of
 * preferring the last one.
 */
export async function startPostgres({ dataDir, database = DATABASE, port: pinnedPort, onLog = () => {} }) {
  ensureDataDir(dataDir)
  const release = tryLock(lockFile(dataDir), 'postgres')
  if (!release) throw new Refusal(`${dataDir} is in use by process ${holderOf(lockFile(dataDir))?.pid}`)
  try {
    const { password, port } = superuser(dataDir)
    const { dir, account, binaries } = await prepareCluster(dataDir, password)
    const server = await launch({ binaries, dir, account, preferredPort: port, pinnedPort, settings: DURABLE, onLog })
    if (server.port !== port) mergeSecrets(dataDir, { postgresPort: server.port })
    server.exited.then(release)
    await ensureDatabase(urlOf(password, server.port, 'postgres'), database).catch(async (error) => {
      await server.stop()
      throw error
    })
    return { ...server, url: urlOf(password, server.port, database) }
  } catch (error) {
    release()
    throw error
  }
}

/**
 * The embedded PostgreSQL for a short command: the running one where a server holds the data directory, else one of our
 * own that `stop` ends.
 */
export async function openPostgres({ dataDir, database = DATABASE, patienceMs = 15_000 }) {
  if (!holderOf(lockFile(dataDir))) return startPostgres({ dataDir, database })
  for (const end = Date.now() + patienceMs; Date.now() < end; await sleep(50)) {
    const running = fs.existsSync(path.join(dataDir, 'postgres')) && readPostmaster(path.join(dataDir, 'postgres'))
    const { postgresPassword } = readSecrets(dataDir)
    if (running?.ready) {
      const adminUrl = urlOf(postgresPassword, running.port, 'postgres')
      await ensureDatabase(adminUrl, database)
      return { url: urlOf(postgresPassword, running.port, database), port: running.port, stop: async () => {} }
    }
  }
  throw new Refusal(`the database in ${dataDir} did not become ready`)
}

/**
 * A PostgreSQL for tests: empty, fast, not durable, gone with `stop` or with this process. `url` names its superuser and
 * the `postgres` database.
 */
export async function startThrowAwayPostgres({ onLog = () => {} } = {}) {
  const account = databaseAccount()
  const home = throwAwayHome(account)
  const dir = path.join(home, 'data')
  const password = randomBytes(24).toString('base64url')
  const binaries = postgresBinaries(account)
  createCluster({ binaries, dir, account, password, sync: false })
  const server = await launch({ binaries, dir, account, preferredPort: 0, settings: THROW_AWAY, onLog, discard: home })
  return { ...server, url: urlOf(password, server.port, 'postgres') }
}

function throwAwayHome(account) {
  if (!canReach(account, os.tmpdir())) ensureSystemDir()
  const home = fs.mkdtempSync(path.join(canReach(account, os.tmpdir()) ? os.tmpdir() : SYSTEM_DIR, 'gatehouse-pg-'))
  if (account) fs.chownSync(home, account.uid, account.gid)
  return home
}

function lockFile(dataDir) {
  return path.join(dataDir, 'postgres.lock')
}

function superuser(dataDir) {
  const { postgresPassword, postgresPort } = readSecrets(dataDir)
  if (postgresPassword) return { password: postgresPassword, port: postgresPort }
  if (fs.existsSync(path.join(dataDir, 'postgres/PG_VERSION'))) {
    throw new Refusal(
      `${path.join(dataDir, 'secrets.json')} lacks postgresPassword while its database exists: restore that file`,
    )
  }
  return {
    password: mergeSecrets(dataDir, { postgresPassword: randomBytes(32).toString('base64url') }).postgresPassword,
  }
}

async function prepareCluster(dataDir, password) {
  const { dir, account } = placeCluster(dataDir, databaseAccount())
  const binaries = postgresBinaries(account)
  if (fs.existsSync(path.join(dir, 'PG_VERSION'))) await clearLeftover(dir)
  else createCluster({ binaries, dir, account, password })
  return { dir, account, binaries }
}

/** Runs one command under a shell that ends it when our end of its standard input closes, however we die. */
const GUARD = `
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
( read -r line <&3; kill -INT $server 2>/dev/null ) &
guard=$!
wait $server
code=$?
kill $guard 2>/dev/null
[ -n "$DISCARD" ] && rm -rf "$DISCARD"
exit $code
`

const TRANSIENT = /could not bind|Address already in use|pre-existing shared memory|lock file .* already exists/

async function launch(options) {
  for (let attempt = 1; ; attempt++) {
    const port = options.pinnedPort ?? (await freePort(attempt === 1 ? options.preferredPort : 0))
    try {
      return await launchOnce({ ...options, port })
    } catch (error) {
      // The port was taken meanwhile, or the backends of a killed server are still letting go of its memory.
      if (attempt >= 20 || !TRANSIENT.test(error.message)) throw error
      await sleep(250)
    }
  }
}

async function launchOnce({ binaries, dir, account, port, settings, onLog, discard = '' }) {
  const args = ['-D', dir, ...Object.entries({ ...COMMON, ...settings, port }).flatMap(([k, v]) => ['-c', `${k}=${v}`])]
  const shell = spawn('/bin/sh', ['-c', GUARD, 'sh', path.join(binaries, 'bin/postgres'), ...args], {
    ...account,
    cwd: '/',
    env: { ...CLEAN_ENV, DISCARD: discard },
    detached: true, // a terminal's Ctrl-C goes to the supervisor, which stops the database last
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  shell.stdin.on('error', () => {})
  const lines = []
  readline.createInterface({ input: shell.stderr }).on('line', (line) => {
    if (lines.push(line) > 20) lines.shift()
    onLog(line)
  })
  let hasExited = false
  const exited = new Promise((resolve) => {
    shell.once('error', (error) => lines.push(error.message) && resolve(1))
    shell.once('exit', (code, signal) => resolve(code ?? signal))
  }).finally(() => {
    hasExited = true
    shell.stdin.destroy()
  })
  while (!readPostmaster(dir)?.ready) {
    if (hasExited) throw new Refusal(`PostgreSQL did not start: ${lines.join(' | ') || `exit ${await exited}`}`)
    await sleep(20)
  }
  const { pid } = readPostmaster(dir) ?? {}
  return { port, pid, exited, stop: () => stopServer({ shell, pid, exited }) }
}

async function stopServer({ shell, pid, exited }) {
  shell.stdin.end()
  // The processes before it may have taken 7.5 s: all of it stops within ten. Ended at once, it recovers at the next start.
  const late = AbortSignal.timeout(2000)
  await Promise.race([exited, new Promise((resolve) => late.addEventListener('abort', resolve))])
  if (late.aborted && pid) await endServer(pid, 0)
  await exited
}

async function ensureDatabase(adminUrl, name) {
  const { default: pg } = await import('pg')
  const client = new pg.Client({ connectionString: adminUrl })
  await client.connect()
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name])
    if (!rowCount) await client.query(`CREATE DATABASE ${pg.escapeIdentifier(name)}`)
  } finally {
    await client.end()
  }
}

function urlOf(password, port, database) {
  return `postgresql://postgres:${password}@127.0.0.1:${port}/${database}`
}

// Statements and values stay out of the server's log: they carry personal data.
const COMMON = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: 200,
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '',
  log_min_messages: 'warning',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_checkpoints: 'off',
  jit: 'off',
  random_page_cost: '1.1',
}

const MIB = 1024 * 1024
const DURABLE = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: `${Math.round(Math.min(1024, Math.max(128, os.totalmem() / MIB / 8)))}MB`,
  max_wal_size: '2GB',
  checkpoint_timeout: '15min',
  // Merging the log's index frees its old rows all the time: looked for once a minute, they would be half of a busy index.
  autovacuum_naptime: '10s',
}

const THROW_AWAY = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', shared_buffers: '128MB' }
