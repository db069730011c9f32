import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from '@playwright/test'
import { Phone } from './support/agent.ts'
import { readWholeLog } from './support/audit-log.ts'
import { type Instance, type ProcessName, startInstance } from './support/instance.ts'
import { foundOrganisation, type Operator, withSuperuser } from './support/operator.ts'
import { until } from './support/wait.ts'

test.describe.configure({ mode: 'serial' })

const VICTIMS = ['gateway', 'worker', 'console', 'postgres'] as const satisfies readonly ProcessName[]
/** The same seed kills the same processes after the same pauses: GATEHOUSE_FAULTS_SEED=… */
const SEED = Number(process.env.GATEHOUSE_FAULTS_SEED ?? Math.floor(Math.random() * 2 ** 31))

let instance: Instance
let operator: Operator
let root: string
let fileId: string
const phones: Phone[] = []

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

async function enrol(name: string): Promise<Phone> {
  const phone = await Phone.enroll(instance, operator, path.join(root, name))
  phones.push(phone)
  return phone
}

/** mulberry32: small, even enough, and the same everywhere. */
function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
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
async function keepRecording(phone: Phone, isOver: () => boolean): Promise<void> {
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

async function erase(phone: Phone): Promise<string> {
  const input = { scope: 'organisation-data', reason: 'lost' }
  const { id } = await operator.insist('POST', `/devices/${phone.deviceId}/wipe`, input)
  await operator.approve(String(id))
  return String(id)
}

test('kill -9 of anything at any moment: nothing acknowledged is lost, nothing comes twice, every erase ends in a receipt', async () => {
  test.setTimeout(300_000)
  test.info().annotations.push({ type: 'seed', description: String(SEED) })
  console.log(`faults: GATEHOUSE_FAULTS_SEED=${SEED}`)
  const random = seeded(SEED)
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
  await until('everything to be ready again', isReady)

  for (const wipeId of [lostWipe, stolenWipe]) {
    await until(`the receipt of ${wipeId}`, async () => {
      const { body } = await operator.api('GET', `/wipes/${wipeId}`)
      return body.state === 'erased' && body
    })
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

  const log = await readWholeLog(instance, operator.tenantId)
  expect(log.entries.map(({ index }) => index)).toEqual(log.entries.map((_, position) => position))
  expect(log.headSize).toBe(log.entries.length)
  expect(log.entriesRoot).toBe(log.headRoot)
  const ids = log.entries.flatMap(({ senderId }) => senderId ?? [])
  expect(new Set(ids).size).toBe(ids.length)
  const viewsOf = (phone: Phone) =>
    log.entries.filter(({ entry }) => entry.action === 'file.view' && entry.device?.id === phone.deviceId).length
  for (const phone of [reporting, alsoReporting]) expect(viewsOf(phone)).toBe(phone.recorded.length)
  for (const phone of [lost, stolen, blocked]) {
    expect(viewsOf(phone)).toBeGreaterThanOrEqual(phone.sent)
    expect(viewsOf(phone)).toBeLessThanOrEqual(phone.recorded.length)
  }
  const once = (action: string, phone: Phone) =>
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
