import { afterEach, expect, test } from 'vitest'
import type { PersonActor } from '#server/kernel/actor.ts'
import { pgTransaction } from '#server/kernel/db.ts'
import { enrollTestDevice } from '#test/device.ts'
import { makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { blockDevice, subscribePush } from './commands.ts'
import { isPushService, pushJobs, wakeByPush } from './push.ts'
import { getDevice } from './queries.ts'

const database = useDatabase()
const keys = { p256dh: 'p256dh', auth: 'auth' }
const subscription = { endpoint: 'https://fcm.googleapis.com/fcm/send/abc', keys }

afterEach(() => {
  delete process.env.GATEHOUSE_PUSH_CONTACT
})

async function setUp() {
  process.env.GATEHOUSE_PUSH_CONTACT = 'mailto:security@example.org'
  const admin = await makePerson(await makeTenant(), { role: 'owner' })
  return { admin, device: await enrollTestDevice(admin) }
}

const jobsOf = ({ tenantId }: PersonActor, enrollmentId: string) =>
  pgTransaction('reader', tenantId, (_client, sql) => pushJobs(sql, tenantId, enrollmentId))

test('only services of the browsers’ makers are called', () => {
  const known = [
    'https://fcm.googleapis.com/fcm/send/x',
    'https://updates.push.services.mozilla.com/wpush/v2/x',
    'https://wns2-par02p.notify.windows.com/w/?token=x',
    'https://web.push.apple.com/x',
  ]
  const refused = [
    // The sender's own reading of these is another host.
    'https://localhost%2Epush.services.mozilla.com/x',
    'https://2130706433%2epush.services.mozilla.com/x',
    'https://updates\t.push.services.mozilla.com/x',
    'https:\\\\fcm.googleapis.com/x',
    'http://fcm.googleapis.com/x',
    'https://fcm.googleapis.com:8443/x',
    'https://user@fcm.googleapis.com/x',
    'https://fcm.googleapis.com.evil.example/x',
    'https://evil.example/fcm.googleapis.com',
    'https://127.0.0.1/x',
    'https://[::1]/x',
    'not a url',
  ]
  expect(known.map(isPushService)).toEqual(known.map(() => true))
  expect(refused.map(isPushService)).toEqual(refused.map(() => false))
})

test('a subscription changes how the device is reached; an order then has a job that wakes it', async () => {
  const { admin, device } = await setUp()
  const { deviceId, enrollmentId } = device.answer
  expect(await jobsOf(admin, enrollmentId)).toEqual([])
  await subscribePush(device.actor, { subscription })
  expect(await getDevice(admin, { deviceId })).toMatchObject({ reach: 'push' })
  await blockDevice(admin, { deviceId })
  const { rows } = await database.superuser.query(`SELECT key FROM graphile_worker.jobs WHERE key LIKE 'push:%'`)
  expect(rows).toEqual([{ key: `push:${enrollmentId}` }])
  await subscribePush(device.actor, { subscription: null })
  expect(await getDevice(admin, { deviceId })).toMatchObject({ reach: 'next_open' })
})

test('a gone subscription is removed, a busy service is tried again, another organisation’s is not touched', async () => {
  const { admin, device } = await setUp()
  const { enrollmentId } = device.answer
  await subscribePush(device.actor, { subscription })
  const called: string[] = []
  const answering =
    (status: number) =>
    async ({ endpoint }: { endpoint: string }) => {
      called.push(endpoint)
      return status
    }
  await wakeByPush(await makeTenant(), enrollmentId, answering(201))
  expect(called).toEqual([])
  await wakeByPush(admin.tenantId, enrollmentId, answering(201))
  expect(called).toEqual([subscription.endpoint])
  await expect(wakeByPush(admin.tenantId, enrollmentId, answering(503))).rejects.toThrow('503')
  await wakeByPush(admin.tenantId, enrollmentId, answering(410))
  expect(await jobsOf(admin, enrollmentId)).toEqual([])
})

test('refused: an endpoint of no known service, and any where push is not set up', async () => {
  const { device } = await setUp()
  const elsewhere = { endpoint: 'https://10.0.0.1/x', keys }
  await expect(subscribePush(device.actor, { subscription: elsewhere })).rejects.toMatchObject({ code: 'invalid' })
  delete process.env.GATEHOUSE_PUSH_CONTACT
  await expect(subscribePush(device.actor, { subscription })).rejects.toMatchObject({ code: 'conflict' })
})
