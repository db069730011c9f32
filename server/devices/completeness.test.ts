import { afterEach, describe, expect, test } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import { now, testingOnlyAdvanceClock, testingOnlyResetClock } from '#server/kernel/clock.ts'
import { readTransaction } from '#server/kernel/db.ts'
import { enrollTestDevice } from '#test/device.ts'
import { makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { ingestDeviceEvents } from './commands.ts'
import { completenessOf, getDeviceCompleteness, listDevices } from './queries.ts'
import type { CompletenessFilter } from './schema.ts'

useDatabase()
afterEach(testingOnlyResetClock)

const HOUR_MS = 3_600_000

async function setUp() {
  const tenantId = await makeTenant()
  const admin = await makePerson(tenantId)
  return { tenantId, admin, device: await enrollTestDevice(admin) }
}

/** An event that occurred `agoMs` before now. */
function line(seq: number, agoMs = 0): string {
  const at = new Date(now().getTime() - agoMs).toISOString()
  return JSON.stringify({ seq, id: uuidv7(), at, action: 'file.view', outcome: 'allowed' })
}

async function one(tenantId: string, deviceId: string) {
  return (await readTransaction(tenantId, ({ sql }) => completenessOf(sql, tenantId, [deviceId]))).get(deviceId)
}

describe('completenessOf', () => {
  test('nothing is lacking of a device that reported in time', async () => {
    const { tenantId, device } = await setUp()
    await ingestDeviceEvents(device.actor, [line(1), line(2, HOUR_MS - 10_000)])
    const lastContactAt = expect.stringMatching(/Z$/)
    const whole = { missing: [], missingBefore: [], givenUpThrough: 0, silentSince: null, late: null }
    expect(await one(tenantId, device.actor.deviceId)).toEqual({ ...whole, lastContactAt, clockSuspect: null })
  })

  test('numbers that never came are told by their ranges, of ended enrolments apart', async () => {
    const { tenantId, admin, device } = await setUp()
    const { deviceId } = device.actor
    await ingestDeviceEvents(device.actor, [line(3), line(4), line(9)])
    const missing = [
      { from: 1, to: 2 },
      { from: 5, to: 8 },
    ]
    expect(await one(tenantId, deviceId)).toMatchObject({ missing, missingBefore: [] })
    const again = await enrollTestDevice(admin, { sign: device.sign })
    expect(again.actor.deviceId).toBe(deviceId)
    const missingBefore = missing.map((range) => ({ ...range, endedAt: expect.any(String) }))
    expect(await one(tenantId, deviceId)).toMatchObject({ missing: [], missingBefore })
  })

  test('late and suspect events are counted as they arrive; a repetition counts nothing', async () => {
    const { tenantId, device } = await setUp()
    testingOnlyAdvanceClock(48 * HOUR_MS)
    const lines = [line(1, 5 * HOUR_MS), line(2, 2 * HOUR_MS), line(3), line(4, -HOUR_MS), line(5, 9_000 * HOUR_MS)]
    await ingestDeviceEvents(device.actor, lines)
    await ingestDeviceEvents(device.actor, lines)
    const found = await one(tenantId, device.actor.deviceId)
    expect(found).toMatchObject({ late: { events: 2 }, clockSuspect: { events: 2 } })
    expect(found?.late?.longestMs).toBeGreaterThanOrEqual(5 * HOUR_MS)
    expect(found?.late?.longestMs).toBeLessThan(5 * HOUR_MS + 60_000)
  })

  test('a device in service is silent after seven days without a contact', async () => {
    const { tenantId, device } = await setUp()
    testingOnlyAdvanceClock(7 * 24 * HOUR_MS - 60_000)
    expect(await one(tenantId, device.actor.deviceId)).toMatchObject({ silentSince: null })
    testingOnlyAdvanceClock(120_000)
    const found = await one(tenantId, device.actor.deviceId)
    expect(found?.silentSince).toBe(found?.lastContactAt)
  })

  test('knows nothing of another organisation’s devices', async () => {
    const { device } = await setUp()
    const other = await setUp()
    expect(await one(other.tenantId, device.actor.deviceId)).toBeUndefined()
    const input = { deviceId: device.actor.deviceId }
    await expect(getDeviceCompleteness(other.admin, input)).rejects.toMatchObject({ code: 'not_found' })
    const all = await readTransaction(other.tenantId, ({ sql }) => completenessOf(sql, other.tenantId))
    expect([...all.keys()]).toEqual([other.device.actor.deviceId])
  })

  test('the list finds the devices that lack something, each by its own word', async () => {
    const { admin, device: gappy } = await setUp()
    const late = await enrollTestDevice(admin)
    const ahead = await enrollTestDevice(admin)
    await enrollTestDevice(admin)
    testingOnlyAdvanceClock(6 * HOUR_MS)
    await ingestDeviceEvents(gappy.actor, [line(2)])
    await ingestDeviceEvents(late.actor, [line(1, 2 * HOUR_MS)])
    await ingestDeviceEvents(ahead.actor, [line(1, -HOUR_MS)])
    const found = async (completeness: CompletenessFilter) =>
      (await listDevices(admin, { completeness })).items.map(({ id }) => id)
    expect(await found('missing')).toEqual([gappy.actor.deviceId])
    expect(await found('late')).toEqual([late.actor.deviceId])
    expect(await found('clock')).toEqual([ahead.actor.deviceId])
    expect(await found('silent')).toEqual([])
    testingOnlyAdvanceClock(31 * 24 * HOUR_MS)
    expect(await found('silent')).toHaveLength(4)
    expect(await found('late')).toEqual([])
  })
})
