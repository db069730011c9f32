import { describe, expect, test } from 'vitest'
import type { PersonActor } from '#server/kernel/actor.ts'
import { releaseDelayedRequest } from '#server/kernel/brake-decisions.ts'
import { now, testingOnlyAdvanceClock, testingOnlyResetClock } from '#server/kernel/clock.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { enrollTestDevice } from '#test/device.ts'
import { makeGrant, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import {
  blockDevice,
  blockOwnDevice,
  createOwnEnrollmentCode,
  deviceFromToken,
  leaveService,
  requestWipe,
  waitingCommands,
} from './commands.ts'
import { getDevice, getDevicePerson, listOwnDevices } from './queries.ts'

const database = useDatabase()

async function setUp() {
  const tenantId = await makeTenant()
  const admin = await makePerson(tenantId, { role: 'owner', founder: true })
  const member = await makePerson(tenantId, { role: 'member', name: 'Mia' })
  const device = await enrollTestDevice(member)
  return { tenantId, admin, member, device, deviceId: device.answer.deviceId }
}

describe('blockOwnDevice', () => {
  test('works for a member, with an exact entry; repeating conflicts', async () => {
    const { tenantId, admin, member, device, deviceId } = await setUp()
    expect((await listOwnDevices(member, {})).map(({ id, status }) => [id, status])).toEqual([[deviceId, 'active']])
    await blockOwnDevice(member, { deviceId })
    expect(await getDevice(admin, { deviceId })).toMatchObject({ status: 'blocked', vault: 'withheld' })
    expect((await waitingCommands(device.actor)).map(({ type }) => type)).toEqual(['lock'])
    const entry = (await readLog(database, tenantId)).find(({ entry }) => entry.action === 'device.block')
    expect(entry).toMatchObject({
      entry: { actor: { kind: 'person', id: member.personId }, device: { id: deviceId }, outcome: 'allowed' },
      personal: { reason: 'Blocked by its own person' },
    })
    await expect(blockOwnDevice(member, { deviceId })).rejects.toMatchObject({ code: 'conflict' })
  })

  test('somebody else’s device, of the same organisation or another, is not found; an unknown one neither', async () => {
    const { tenantId, admin, deviceId } = await setUp()
    const stranger = await makePerson(await makeTenant(), { role: 'owner' })
    const colleague = await makePerson(tenantId, { role: 'member' })
    for (const actor of [admin, stranger, colleague])
      await expect(blockOwnDevice(actor, { deviceId })).rejects.toMatchObject({ code: 'not_found' })
    await expect(blockOwnDevice(admin, { deviceId: 'x' })).rejects.toMatchObject({ code: 'invalid' })
  })
})

describe('requestWipe.own', () => {
  const input = (deviceId: string) => ({ deviceId, scope: 'organisation-data' as const, reason: 'lost' })

  async function ask(member: PersonActor, deviceId: string) {
    const stepUpGrantId = await makeGrant(member, requestWipe.own.requestHash(input(deviceId)))
    return requestWipe.own(member, input(deviceId), { stepUpGrantId })
  }

  test('a member’s own device is blocked at once, waits for the undo window only, and is then queued', async () => {
    const { tenantId, admin, member, deviceId } = await setUp()
    await expect(requestWipe.own(member, input(deviceId))).rejects.toMatchObject({ code: 'step_up_required' })
    const wipe = await ask(member, deviceId)
    expect(wipe).toMatchObject({ state: 'delayed', requestedBy: { id: member.personId } })
    expect(await getDevice(admin, { deviceId })).toMatchObject({ status: 'blocked' })
    testingOnlyAdvanceClock(Date.parse(wipe.undoUntil ?? '') - now().getTime() + 1_000)
    expect(await releaseDelayedRequest(tenantId, wipe.id)).toBe('carried out')
    expect(await getDevice(admin, { deviceId })).toMatchObject({ status: 'wiping', vault: 'destroyed' })
    testingOnlyResetClock()
  })

  test('not without permission by the console’s face, and never somebody else’s device', async () => {
    const { tenantId, admin, member, deviceId } = await setUp()
    await expect(requestWipe(member, input(deviceId))).rejects.toMatchObject({ code: 'forbidden' })
    const colleague = await makePerson(tenantId, { role: 'member' })
    for (const actor of [admin, colleague])
      await expect(ask(actor, deviceId)).rejects.toMatchObject({ code: 'not_found' })
  })
})

async function giveFactor(person: PersonActor): Promise<void> {
  const { tenantId, personId } = person
  await runInTransaction({ actor: person, name: 'test.factor' }, async ({ tx, vault, now: confirmedAt }) => {
    const seed = new Uint8Array((await vault()).seal(Buffer.alloc(20), 'totp_credential', 'seed', personId))
    await tx.totpCredential.create({ data: { tenantId, personId, seed, confirmedAt }, select: { personId: true } })
    return {
      result: null,
      audit: { action: 'auth.second_factor.enroll' as const, target: { type: 'person', id: personId } },
    }
  })
}

describe('createOwnEnrollmentCode', () => {
  test('a member gets a short-lived code for themself, with an entry', async () => {
    const { tenantId, member } = await setUp()
    const { person, expiresAt, code } = await createOwnEnrollmentCode(member, {})
    expect(person.id).toBe(member.personId)
    expect(code).toMatch(/^\w{4}-\w{4}-\w{4}$/)
    expect(Date.parse(expiresAt) - now().getTime()).toBeLessThanOrEqual(300_000)
    const entries = (await readLog(database, tenantId)).map(({ entry }) => entry)
    expect(entries.at(-1)).toMatchObject({
      action: 'device.enrollment_code.create',
      actor: { id: member.personId },
      target: { id: member.personId },
    })
  })

  test('a copied cookie makes no device: without a factor the sign-in, with one the factor must be recent', async () => {
    const { tenantId, member } = await setUp()
    const other = await makePerson(tenantId, { role: 'member' })
    await giveFactor(other)
    testingOnlyAdvanceClock(16 * 60_000)
    await expect(createOwnEnrollmentCode(member, {})).rejects.toMatchObject({ extra: { stepUp: 'sign_in' } })
    // Another person's session proves nothing, nor does a factor that whoever has the cookie has just enrolled.
    const borrowed = { ...member, sessionId: other.sessionId }
    await expect(createOwnEnrollmentCode(borrowed, {})).rejects.toMatchObject({ extra: { stepUp: 'sign_in' } })
    await giveFactor(member)
    const enrolling = { ...member, factorAt: now() }
    await expect(createOwnEnrollmentCode(enrolling, {})).rejects.toMatchObject({ extra: { stepUp: 'sign_in' } })
    for (const factorAt of [null, new Date(now().getTime() - 16 * 60_000)])
      await expect(createOwnEnrollmentCode({ ...other, factorAt }, {})).rejects.toMatchObject({
        code: 'step_up_required',
        extra: { stepUp: 'recent' },
      })
    await createOwnEnrollmentCode({ ...other, factorAt: now() }, {})
    testingOnlyResetClock()
  })

  test('refused before the second factor', async () => {
    const { member } = await setUp()
    const half = { ...member, sessionState: 'second_factor' as const }
    await expect(createOwnEnrollmentCode(half, {})).rejects.toMatchObject({ code: 'second_factor_required' })
  })
})

describe('leaveService', () => {
  test('the device is out of service: its share is gone, its token serves nothing', async () => {
    const { admin, device, deviceId } = await setUp()
    expect(await getDevicePerson(device.actor, {})).toMatchObject({
      person: { name: 'Mia' },
      deviceId,
      devices: [{ id: deviceId, status: 'active' }],
      powers: { 'devices:wipe': 1, 'audit:read': 1 },
      push: null,
    })
    await leaveService(device.actor, {})
    expect(await getDevice(admin, { deviceId })).toMatchObject({ status: 'retired', vault: 'destroyed' })
    const found = await deviceFromToken(device.answer.token, { thumbprint: device.thumbprint, address: '' })
    expect(found.inService).toBe(false)
    await expect(leaveService(device.actor, {})).rejects.toMatchObject({ code: 'conflict' })
  })

  test('out of a block, or for an enrolment that is over, nobody leaves by themself', async () => {
    const { admin, device, deviceId } = await setUp()
    await blockDevice(admin, { deviceId })
    await expect(leaveService(device.actor, {})).rejects.toMatchObject({ code: 'device_revoked' })
    expect(await getDevice(admin, { deviceId })).toMatchObject({ status: 'blocked' })
    const other = await enrollTestDevice(admin)
    const before = { ...other.actor, enrollmentId: device.actor.enrollmentId }
    await expect(leaveService(before, {})).rejects.toMatchObject({ code: 'device_revoked' })
  })
})
