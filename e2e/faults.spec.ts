import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from '@playwright/test'
import { loadDevice } from '#agent/core/device.ts'
import { GatewayError, OfflineError } from '#agent/core/errors.ts'
import { flushEvents } from '#agent/core/events.ts'
import { openDeviceFile } from '#agent/core/files.ts'
import { unlockOnline } from '#agent/core/vault.ts'
import { noCompanion } from '#agent/node/companion.ts'
import { openWorkspace } from '#agent/node/workspace.ts'
import { seededRandom } from '#lib/seeded-random.ts'
import { AgentDevice, runAgent } from './support/agent.ts'
import { readWholeLog, type WholeLog } from './support/audit-log.ts'
import { type Instance, type ProcessName, startInstance } from './support/instance.ts'
import { foundOrganisation, type Operator, withoutDatabase, withSuperuser } from './support/operator.ts'
import { until } from './support/wait.ts'
import { awaitWholePages } from './support/whole-pages.ts'

test.describe.configure({ mode: 'serial' })

const VICTIMS = ['gateway', 'worker', 'console', 'postgres'] as const satisfies readonly ProcessName[]
/** The same seed kills the same processes after the same pauses: GATEHOUSE_FAULTS_SEED=… */
const SEED = Number(process.env.GATEHOUSE_FAULTS_SEED ?? Math.floor(Math.random() * 2 ** 31))

let instance: Instance
let operator: Operator
let root: string
let fileId: string
const phones: AgentDevice[] = []

test.beforeAll(async () => {
  test.setTimeout(300_000)
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'gatehouse-phones-'))
  instance = await startInstance()
  operator = await foundOrganisation(instance)
  const form = new FormData()
  form.set('file', new File(['The plan of the year'], 'Plan.txt', { type: 'text/plain' }))
  form.set('audience', 'everyone')
  fileId = String((await operator.insist('POST', '/files', form)).id)
})

test.afterAll(async () => {
  await Promise.all(phones.map((phone) => phone.close()))
  await operator?.close()
  await instance?.stop()
  fs.rmSync(root, { recursive: true, force: true })
})

async function enrol(name: string): Promise<AgentDevice> {
  const phone = await AgentDevice.enroll(instance, operator, path.join(root, name))
  phones.push(phone)
  return phone
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const keyed = items.map((item) => ({ item, key: random() }))
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item)
}

async function isReady(): Promise<boolean> {
  return (await fetch(`${instance.consoleUrl}/readyz`)).ok && (await instance.isGatewayReady())
}

/** Kills each process and one agent twice, at moments that only the seed knows. */
async function wreak(random: () => number): Promise<void> {
  for (const victim of shuffled([...VICTIMS, ...VICTIMS, 'agent', 'agent'] as const, random)) {
    await sleep(200 + random() * 1_300)
    if (victim === 'agent') {
      const [phone] = shuffled(
        phones.filter(({ isRunning }) => isRunning),
        random,
      )
      await phone?.kill()
      phone?.run()
    } else {
      // It may be on its way up from the last time.
      await until(`the ${victim} to be there`, async () => {
        instance.kill(victim)
        return true
      })
    }
  }
}

/** Records as fast as the disk allows until told to stop, or until the device is erased. */
async function keepRecording(phone: AgentDevice, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    try {
      await phone.record(fileId)
    } catch (error) {
      if (fs.existsSync(path.join(phone.dir, 'keys/secret'))) throw error
      return
    }
    await sleep(25)
  }
}

/** Indexes without a gap, the head's root from the entries alone, and no event of a device twice. */
async function expectWholeLog(place: Instance, { tenantId }: Operator): Promise<WholeLog> {
  const log = await readWholeLog(place, tenantId)
  expect(log.entries.map(({ index }) => index)).toEqual(log.entries.map((_, position) => position))
  expect(log.headSize).toBe(log.entries.length)
  expect(log.entriesRoot).toBe(log.headRoot)
  const ids = log.entries.flatMap(({ senderId }) => senderId ?? [])
  expect(new Set(ids).size).toBe(ids.length)
  return log
}

function viewsOf(log: WholeLog, { deviceId }: AgentDevice): number {
  return log.entries.filter(({ entry }) => entry.action === 'file.view' && entry.device?.id === deviceId).length
}

async function erase(phone: AgentDevice): Promise<string> {
  const input = { scope: 'organisation-data', reason: 'lost' }
  const { id } = await operator.insist('POST', `/devices/${phone.deviceId}/wipe`, input)
  await operator.approve(String(id))
  return String(id)
}

test('kill -9 of anything at any moment: nothing acknowledged is lost, nothing comes twice, every erase ends in a receipt', async () => {
  test.setTimeout(600_000)
  test.info().annotations.push({ type: 'seed', description: String(SEED) })
  console.log(`faults: GATEHOUSE_FAULTS_SEED=${SEED}`)
  const random = seededRandom(SEED)
  const [reporting, alsoReporting, lost, stolen, blocked] = await Promise.all([
    enrol('reporting'),
    enrol('also-reporting'),
    enrol('lost'),
    enrol('stolen'),
    enrol('blocked'),
  ])
  for (const phone of phones) phone.run()

  let isOver = false
  const recording = phones.map((phone) => keepRecording(phone, () => isOver))
  const chaos = wreak(random)
  const decided = Promise.all([
    erase(lost),
    erase(stolen),
    operator.insist('POST', `/devices/${blocked.deviceId}/block`, { reason: 'lost' }),
    enrol('late').then((phone) => phone.run()),
  ])
  const [[lostWipe, stolenWipe]] = await Promise.all([decided, chaos])
  isOver = true
  await Promise.all(recording)
  // What keeps failing waits up to half a minute before each try, an agent too: on a full machine that adds up.
  const PATIENCE_MS = 180_000
  await until('everything to be ready again', isReady, PATIENCE_MS)

  for (const wipeId of [lostWipe, stolenWipe]) {
    const isErased = async () => {
      const { body } = await operator.api('GET', `/wipes/${wipeId}`)
      return body.state === 'erased' && body
    }
    await until(`the receipt of ${wipeId}`, isErased, PATIENCE_MS)
    const { body } = await operator.api('GET', `/wipes/${wipeId}`)
    expect(body.receipt).toMatchObject({ result: 'erased', verified: true })
  }
  for (const phone of [reporting, alsoReporting])
    await until(`the queue of ${phone.dir} to be empty`, async () => (await phone.waiting()) === 0)

  const { body: devices } = await operator.api('GET', '/devices?limit=200')
  const status = Object.fromEntries(
    (devices.items as { name: string; status: string }[]).map((device) => [device.name, device.status]),
  )
  expect((devices.items as unknown[]).length).toBe(6)
  expect(status).toEqual({
    reporting: 'active',
    'also-reporting': 'active',
    late: 'active',
    lost: 'wiped',
    stolen: 'wiped',
    blocked: 'blocked',
  })
  for (const phone of [lost, stolen]) expect(fs.existsSync(path.join(phone.dir, 'vault'))).toBe(false)

  const log = await expectWholeLog(instance, operator)
  for (const phone of [reporting, alsoReporting]) expect(viewsOf(log, phone)).toBe(phone.recorded.length)
  for (const phone of [lost, stolen, blocked]) {
    expect(viewsOf(log, phone)).toBeGreaterThanOrEqual(phone.sent)
    expect(viewsOf(log, phone)).toBeLessThanOrEqual(phone.recorded.length)
  }
  const once = (action: string, phone: AgentDevice) =>
    log.entries.filter(
      ({ entry }) => entry.action === action && entry.outcome !== 'failed' && entry.device?.id === phone.deviceId,
    ).length
  for (const action of ['device.wipe.request', 'device.wipe.queue', 'device.wipe.receipt'])
    for (const phone of [lost, stolen]) expect(once(action, phone), action).toBe(1)
  for (const phone of phones) expect(once('device.enroll', phone)).toBe(1)

  // Nothing is half done: no share of what was erased, no request left open, no job given up.
  const left = await withSuperuser(instance, async (client) => {
    const count = async (sql: string, values: unknown[] = []) =>
      Number((await client.query<{ count: string }>(sql, values)).rows[0]?.count)
    return {
      shares: await count('SELECT count(*) FROM vault_share WHERE device_id = ANY($1)', [
        [lost.deviceId, stolen.deviceId],
      ]),
      requests: await count(
        `SELECT count(*) FROM brake_request WHERE state IN ('held', 'awaiting_approval', 'delayed')`,
      ),
      jobs: await count('SELECT count(*) FROM graphile_worker.jobs WHERE attempts >= max_attempts'),
    }
  })
  expect(left).toEqual({ shares: 0, requests: 0, jobs: 0 })
})

const PLAN = 'The plan of the year'
const HOUR_MS = 3_600_000

/** A device that is switched on but whose network and clock are in our hands. */
async function openWithHands(dir: string) {
  const { ports, close } = await openWorkspace(dir, { companion: noCompanion })
  const hands = { isOffline: false, aheadMs: 0 }
  const device = await loadDevice({
    ...ports,
    clock: {
      ...ports.clock,
      now: () => ports.clock.now() + hands.aheadMs,
      monotonic: () => ports.clock.monotonic() + hands.aheadMs,
    },
    transport: {
      ...ports.transport,
      request: async (request) => {
        if (hands.isOffline) throw new OfflineError('no network')
        return ports.transport.request(request)
      },
    },
  })
  const open = async () => {
    const { chunks } = await openDeviceFile(device, { fileId, purpose: 'view' })
    const parts: Uint8Array[] = []
    for await (const part of chunks()) parts.push(part)
    return Buffer.concat(parts).toString('utf8')
  }
  const putAway = async () => {
    device.queue.close()
    await close()
  }
  return { device, hands, open, putAway }
}

function bytesBelow(dir: string): Buffer {
  const names = fs.readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return Buffer.concat(names.map((entry) => fs.readFileSync(path.join(entry.parentPath, entry.name))))
}

test('a copy of an offline device opens nothing after the erase, with and without the server, nor does the device when its lease is over', async () => {
  const { dir, deviceId } = await enrol('left-behind')
  await runAgent(instance, 'sync', '--dir', dir)
  const { device, hands, open, putAway } = await openWithHands(dir)
  await unlockOnline(device)
  expect(await open()).toBe(PLAN)
  const [copy, lateCopy] = [`${dir}-copy`, `${dir}-late-copy`]
  for (const to of [copy, lateCopy]) fs.cpSync(dir, to, { recursive: true })
  hands.isOffline = true
  expect(await open()).toBe(PLAN)

  const { id: wipeId } = await operator.insist('POST', `/devices/${deviceId}/wipe`, {
    scope: 'organisation-data',
    reason: 'stolen',
  })
  await operator.approve(String(wipeId))
  await until('the erase to be queued', async () => (await wipeOf(String(wipeId))).state === 'queued')
  const shares = await withSuperuser(instance, (client) =>
    client.query('SELECT 1 FROM vault_share WHERE device_id = $1', [deviceId]),
  )
  expect(shares.rowCount).toBe(0)

  // What the product says it cannot prevent: until its lease ends, the device itself stays unlocked.
  expect(await open()).toBe(PLAN)
  hands.aheadMs = 12 * HOUR_MS
  await expect(open()).rejects.toMatchObject({ code: 'locked' })
  hands.aheadMs = 0
  await expect(open(), 'a lease that is over stays over').rejects.toMatchObject({ code: 'locked' })
  await putAway()

  const identity = path.join(copy, 'device.json')
  const known = JSON.parse(fs.readFileSync(identity, 'utf8'))
  fs.writeFileSync(identity, JSON.stringify({ ...known, gatewayUrl: 'https://localhost:1' }))
  const unreachable = await runAgent(instance, 'open', fileId, '--dir', copy, '--out', '-')
  expect(unreachable).toMatchObject({ code: 6, stdout: '' })
  const reachable = await runAgent(instance, 'open', fileId, '--dir', lateCopy, '--out', '-')
  expect(reachable).toMatchObject({ code: 5, stdout: '' })
  for (const place of [copy, lateCopy]) expect(bytesBelow(place).includes(PLAN)).toBe(false)

  // Whichever of the two comes back obeys, and its receipt ends the erase.
  expect((await runAgent(instance, 'sync', '--dir', lateCopy)).code).not.toBe(1)
  await until('the receipt', async () => (await wipeOf(String(wipeId))).state === 'erased')
  expect(fs.existsSync(path.join(lateCopy, 'vault'))).toBe(false)
})

function processIds(): Record<string, number> {
  return JSON.parse(fs.readFileSync(path.join(instance.dataDir, 'processes.json'), 'utf8'))
}

async function wipeOf(wipeId: string): Promise<Record<string, unknown>> {
  return (await operator.api('GET', `/wipes/${wipeId}`)).body
}

test('without its database: 503 with Retry-After, nothing acknowledged, the agent keeps its queue, the console says so, and all of it passes', async ({
  page,
}) => {
  const device = await enrol('waiting')
  device.run()
  await device.record(fileId)
  await until('the first event to be sent', async () => device.sent === 1)
  awaitWholePages(page.context())
  await page.goto(`${instance.consoleUrl}/sign-in`)
  await page.getByLabel('Email').fill(operator.owner.email)
  await page.getByLabel('Password').fill(operator.owner.password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.waitForURL((url) => !url.pathname.startsWith('/sign-in'))
  await page.goto(`${instance.consoleUrl}/devices`)
  await expect(page.getByRole('row', { name: /waiting/ })).toBeVisible()

  const before = processIds()
  await withoutDatabase(instance, async () => {
    const { client } = await device.opened()
    const refused = await client.commands(0).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(GatewayError)
    expect(refused).toMatchObject({ status: 503, code: 'unavailable' })
    expect((refused as GatewayError).retryAfterMs).toBeGreaterThan(0)
    for (let n = 0; n < 20; n++) await device.record(fileId)
    const api = await operator.api('GET', '/devices')
    expect([api.status, api.body.code]).toEqual([503, 'unavailable'])
    expect(Number(api.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await fetch(`${instance.consoleUrl}/readyz`)).status).toBe(503)
    expect(await instance.isGatewayReady()).toBe(false)

    await page.goto(`${instance.consoleUrl}/devices`)
    await expect(page.getByRole('button', { name: /Try again/ })).toBeVisible()
    await expect(page.getByRole('table')).toHaveCount(0)
    await expect(page.getByText(/No devices/i)).toHaveCount(0)
    expect(await device.waiting()).toBe(20)
    expect(device.sent).toBe(1)
  })

  await until('everything to be ready again', isReady)
  await until('the queue to be empty', async () => (await device.waiting()) === 0)
  expect(processIds(), 'no process ended of it').toEqual(before)
  await page.reload()
  await expect(page.getByRole('row', { name: /waiting/ })).toBeVisible()
  const log = await expectWholeLog(instance, operator)
  expect(viewsOf(log, device)).toBe(21)
})

function mount(...args: string[]): boolean {
  return spawnSync('mount', args, { stdio: 'ignore' }).status === 0
}

/** Fills what is left of a disk to the last byte; gives back what empties it again. */
function fill(dir: string): () => void {
  const file = path.join(dir, 'filler')
  const handle = fs.openSync(file, 'w')
  for (let size = 2 ** 20; size >= 1; ) {
    try {
      fs.writeSync(handle, Buffer.alloc(size))
    } catch {
      size = Math.floor(size / 2)
    }
  }
  fs.closeSync(handle)
  return () => fs.rmSync(file)
}

test('with its disk full: 503, nothing acknowledged that is not durable, and it goes on once there is room', async () => {
  test.setTimeout(300_000)
  await operator.close()
  const disk = { dir: '' }
  const onSmallDisk = (dir: string) => {
    if (mount('-t', 'tmpfs', '-o', 'size=320m,mode=0711', 'tmpfs', dir)) disk.dir = dir
  }
  const small = await startInstance({ prepare: onSmallDisk })
  try {
    test.skip(disk.dir === '', 'a disk of its own needs the right to mount one')
    const own = await foundOrganisation(small)
    const device = await AgentDevice.enroll(small, own, path.join(root, 'full'))
    phones.push(device)
    const empty = fill(disk.dir)
    const opened = await device.opened()
    const refusal = await until('the disk to be noticed', async () => {
      for (let n = 0; n < 200; n++) await device.record(fileId)
      return flushEvents(opened).then(
        () => undefined,
        (error: unknown) => error,
      )
    })
    expect(refusal).toMatchObject({ status: 503, code: 'unavailable' })
    expect((refusal as GatewayError).retryAfterMs).toBeGreaterThan(0)
    expect(await device.waiting()).toBeGreaterThan(0)
    small.kill('postgres')
    await until('the gateway to say so', async () => !(await small.isGatewayReady()))

    empty()
    device.run()
    await until('the queue to be empty', async () => (await device.waiting()) === 0)
    const log = await expectWholeLog(small, own)
    expect(viewsOf(log, device)).toBe(device.recorded.length)
    await own.close()
  } finally {
    await small.stop({ remove: false })
    if (disk.dir) spawnSync('umount', [disk.dir])
    fs.rmSync(small.dataDir, { recursive: true, force: true })
  }
})
