import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, afterEach, expect, test } from 'vitest'
import { freePort } from '#gateway/test/started-gateway.ts'
import { gapsOf } from '#server/audit/index/rebuild.ts'
import { readShape } from '#server/audit/index/runs.ts'
import { signGrownLogs } from '#server/audit/jobs.ts'
import { searchAudit } from '#server/audit/queries.ts'
import { deleteFile, publishFile } from '#server/content/commands.ts'
import { getFile } from '#server/content/queries.ts'
import { requestWipe } from '#server/devices/commands.ts'
import { getDevice } from '#server/devices/queries.ts'
import { createApiKey } from '#server/identity/commands.ts'
import { type PersonActor, systemActor } from '#server/kernel/actor.ts'
import { releaseDelayedRequest } from '#server/kernel/brake-decisions.ts'
import { testingOnlyAdvanceClock, testingOnlyResetClock } from '#server/kernel/clock.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { pgTransaction, systemTransaction } from '#server/kernel/db.ts'
import { testingOnlyForgetKeys } from '#server/kernel/keys.ts'
import { closeRuntime } from '#server/kernel/runtime.ts'
import { enrollTestDevice } from '#test/device.ts'
import { makeGrant, makePerson, makeTenant } from '#test/harness.ts'
import { bootstrap, entryArgs } from '../scripts/lib/bootstrap.mjs'
import { answers } from '../scripts/lib/health.mjs'
import { startPostgres } from '../scripts/lib/postgres.mjs'

const home = mkdtempSync(join(tmpdir(), 'gatehouse-backup-'))
const FILE = join(home, 'whole.backup')
const PASSPHRASE = 'correct horse battery\n'
const RESTORE = ['restore', FILE, '--passphrase-stdin']
const silent = pino({ level: 'silent' })
const running: (() => Promise<void>)[] = []

afterEach(async () => {
  testingOnlyResetClock()
  for (const stop of running.splice(0).reverse()) await stop()
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

type Served = { gatewayUrl: string; stop: () => Promise<void> }

/** Database, gateway and worker over a data directory; this process reaches it, too. */
async function serve(dataDir: string): Promise<Served> {
  const gatewayPort = await freePort()
  Object.assign(process.env, { GATEHOUSE_DATA_DIR: dataDir, GATEWAY_PORT: String(gatewayPort), LOG_LEVEL: 'silent' })
  const postgres = await startPostgres({ dataDir })
  await bootstrap({ env: process.env, adminUrl: postgres.url, sink: { pass: () => {} } })
  const children = ['gateway/main.ts', 'server/worker.ts'].map(start)
  const gatewayUrl = `https://localhost:${gatewayPort}`
  await until(() => answers(`${gatewayUrl}/readyz`))
  const stop = async () => {
    running.splice(running.indexOf(stop), 1)
    for (const child of children) {
      child.kill('SIGTERM')
      if (child.exitCode === null) await once(child, 'exit')
    }
    await closeRuntime()
    testingOnlyForgetKeys()
    await postgres.stop()
  }
  running.push(stop)
  return { gatewayUrl, stop }
}

function start(entry: string): ChildProcess {
  return spawn(process.execPath, entryArgs(entry), { stdio: ['ignore', 'inherit', 'inherit'] })
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 60_000; !(await isSo()); await new Promise((resolve) => setTimeout(resolve, 50)))
    if (Date.now() > end) throw new Error(`not within a minute: ${isSo}`)
}

type Answer = { code: number | null; out: string; err: string }

async function gatehouse(
  args: string[],
  { env = {}, input = '' }: { env?: Record<string, string>; input?: string } = {},
) {
  const child = spawn(
    process.execPath,
    ['--conditions=react-server', '--disable-warning=ExperimentalWarning', 'cli/main.ts', ...args],
    {
      env: { ...process.env, DATABASE_URL: '', ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    },
  )
  const answer: Answer = { code: null, out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (answer.out += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (answer.err += text))
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  await once(child, 'close')
  return { ...answer, code: child.exitCode }
}

/** A data directory with nothing in it but the master key. */
function emptyPlace(name: string, from: string): string {
  const dataDir = join(home, name)
  mkdirSync(join(dataDir, 'keys'), { recursive: true, mode: 0o711 })
  copyFileSync(join(from, 'keys/master.key'), join(dataDir, 'keys/master.key'))
  return dataDir
}

function record(tenantId: string, action: 'tenant.update' | 'audit.verify', count: number): Promise<unknown> {
  const audit = Array.from({ length: count }, () => ({ action, target: { type: 'tenant', id: tenantId, name: 'Org' } }))
  return runInTransaction({ actor: systemActor(tenantId, 'test'), name: action }, async () => ({ result: null, audit }))
}

function publishedSize(dataDir: string, tenantId: string): number {
  const file = join(dataDir, 'checkpoints', `${tenantId}.log`)
  const last = existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n').at(-1) : undefined
  return last ? (JSON.parse(last) as { size: number }).size : 0
}

/** Asked until all is counted: a count ends after a moment, which is short for a log whose index is made anew. */
async function found(owner: PersonActor): Promise<unknown> {
  let answer = await searchAudit(owner, { q: 'action:tenant.update', limit: 50 })
  await until(async () => {
    if (answer.total.capped) answer = await searchAudit(owner, { q: 'action:tenant.update', limit: 50 })
    return !answer.total.capped
  })
  return { total: answer.total, items: answer.items }
}

async function destroyed(
  owner: PersonActor,
  dataDir: string,
  { fileId, deviceId }: { fileId: string; deviceId: string },
) {
  const wipe = { deviceId, scope: 'organisation-data' as const, reason: 'lost' }
  const wiping = await requestWipe(owner, wipe, {
    stepUpGrantId: await makeGrant(owner, requestWipe.requestHash(wipe)),
  })
  const removal = { fileId, reason: 'no longer needed' }
  const deleting = await deleteFile(owner, removal, {
    stepUpGrantId: await makeGrant(owner, deleteFile.requestHash(removal)),
  })
  testingOnlyAdvanceClock(3_600_000)
  for (const id of [wiping.id, deleting.requestId])
    expect(await releaseDelayedRequest(owner.tenantId, id)).toBe('carried out')
  testingOnlyResetClock()
  const lists = ['destroyed', 'destroyed-files'].map((name) =>
    join(dataDir, 'checkpoints', `${name}-${owner.tenantId}`),
  )
  await until(() => lists.every((file) => existsSync(file)))
}

test('backed up while events arrive; elsewhere it verifies and answers the same; beside newer checkpoints it is a fork, and what was destroyed stays so', async () => {
  const first = join(home, 'first')
  const served = await serve(first)
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true })
  const device = await enrollTestDevice(owner)
  const file = await publishFile(owner, {
    name: 'plan.txt',
    mediaType: 'text/plain',
    labels: [],
    audience: 'everyone',
    content: Buffer.from('plan'),
  })
  const { token } = await createApiKey(systemActor(tenantId, 'test'), { name: 'reader', scopes: ['audit:read'] })
  for (let batch = 0; batch < 6; batch++) await record(tenantId, 'tenant.update', 250)
  const before = await found(owner)
  await signGrownLogs(silent)

  // ── Backed up while events arrive ──
  let [isDone, meanwhile] = [false, 0]
  const arriving = (async () => {
    for (; !isDone; meanwhile += 20) await record(tenantId, 'audit.verify', 20)
  })()
  const backup = await gatehouse(['backup', '--out', FILE, '--passphrase-stdin', '--json'], {
    input: PASSPHRASE,
  }).finally(() => {
    isDone = true
  })
  await arriving
  expect(backup, backup.err).toMatchObject({ code: 0, err: '' })
  const made = JSON.parse(backup.out)
  expect(made).toMatchObject({ file: FILE, encrypted: true, logs: [{ tenantId }] })
  expect(meanwhile).toBeGreaterThan(20)
  const size = made.logs[0].size as number

  // ── What happens after it ──
  await destroyed(owner, first, { fileId: file.id, deviceId: device.actor.deviceId })
  await signGrownLogs(silent)
  expect(publishedSize(first, tenantId)).toBeGreaterThan(size)
  await served.stop()

  // ── Elsewhere, with the master key alone ──
  const second = emptyPlace('second', first)
  const restored = await gatehouse([...RESTORE, '--json'], { env: { GATEHOUSE_DATA_DIR: second }, input: PASSPHRASE })
  expect(restored, restored.err).toMatchObject({ code: 0, err: '' })
  expect(JSON.parse(restored.out)).toMatchObject({
    rows: expect.any(Number),
    destroyedAgain: 0,
    logs: [{ tenantId, size, frozen: null }],
  })
  const again = await serve(second)
  expect(await found(owner)).toEqual(before)
  await until(() => publishedSize(second, tenantId) >= size)
  const verified = await gatehouse(
    ['verify', `${again.gatewayUrl}/log/${tenantId}`, '--ca', join(second, 'ca.pem'), '--json'],
    {
      env: { GATEHOUSE_API_KEY: token },
    },
  )
  expect(JSON.parse(verified.out || '{}'), verified.err).toMatchObject({ ok: true })
  await until(() =>
    pgTransaction('reader', tenantId, async (_client, sql) => {
      const shape = await readShape(sql, tenantId)
      return shape !== null && gapsOf(shape.runs, shape.size).length === 0
    }),
  )
  expect(await found(owner)).toEqual(before)
  const inUse = await gatehouse(RESTORE, { input: PASSPHRASE })
  expect(inUse).toMatchObject({ code: 1, err: expect.stringMatching(/is in use by process/) })
  await again.stop()

  // ── In the old place, whose checkpoints are newer ──
  const third = emptyPlace('third', first)
  cpSync(join(first, 'checkpoints'), join(third, 'checkpoints'), { recursive: true })
  const forked = await gatehouse([...RESTORE, '--json'], { env: { GATEHOUSE_DATA_DIR: third }, input: PASSPHRASE })
  expect(JSON.parse(forked.out || '{}'), forked.err).toMatchObject({
    destroyedAgain: 2,
    logs: [{ tenantId, frozen: 'behind' }],
  })
  await serve(third)
  expect(await getFile(owner, { fileId: file.id })).toMatchObject({ status: 'deleted' })
  expect(await getDevice(owner, { deviceId: device.actor.deviceId })).toMatchObject({ status: 'blocked' })
  expect(await systemTransaction((sql) => sql('SELECT 1 FROM vault_share'), { tenantId })).toEqual([])
  await expect(record(tenantId, 'tenant.update', 1)).rejects.toMatchObject({ code: 'log_frozen' })
  const epoch = await gatehouse(['audit', 'new-epoch', '--reason', 'restored', '--json'])
  expect(JSON.parse(epoch.out || '{}'), epoch.err).toMatchObject({ epoch: 2 })
  await record(tenantId, 'tenant.update', 1)
}, 300_000)

test('a file that is none, and a file without its master key, leave no database behind', async () => {
  const nothing = await gatehouse(['restore', join(home, 'no.backup')])
  expect(nothing).toMatchObject({ code: 1, out: '', err: `gatehouse: ${join(home, 'no.backup')} does not exist\n` })
  const dataDir = join(home, 'keyless')
  const keyless = await gatehouse(RESTORE, { env: { GATEHOUSE_DATA_DIR: dataDir }, input: PASSPHRASE })
  expect(keyless).toMatchObject({
    code: 1,
    err: expect.stringMatching(/^gatehouse: there is no master key in .*keyless\/keys\/master.key: put the one back/),
  })
  expect(existsSync(join(dataDir, 'postgres'))).toBe(false)
}, 60_000)
