import { describe, expect, test } from 'vitest'
import { generateKeyPair, keyThumbprint } from '#protocol/device/keys.ts'
import { defaultPolicy, type PolicyDocument } from '#protocol/policy/document.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { testingOnlyAdvanceClock, testingOnlyResetClock } from '#server/kernel/clock.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { enrollTestDevice, PHONE } from '#test/device.ts'
import { makeApiKeyActor, makeGrant, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import {
  approveDevice,
  blockDevice,
  createEnrollmentCode,
  deviceFromToken,
  enrollDevice,
  requestWipe,
  retireDevice,
  revokeEnrollmentCode,
  unlockShare,
} from './commands.ts'
import { getDevice, listDevices } from './queries.ts'

const database = useDatabase()

async function publish(tenantId: string, change: (document: PolicyDocument) => void): Promise<void> {
  const document = defaultPolicy()
  change(document)
  await runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'policy.publish' }, async ({ tx }) => {
    await tx.policy.create({ data: { tenantId, id: tenantId, name: 'Organisation', currentVersion: 2 } })
    await tx.policyVersion.create({ data: { tenantId, policyId: tenantId, version: 2, document } })
    return { result: null, audit: { action: 'policy.publish', target: { type: 'policy', id: tenantId } } }
  })
}

async function attempt(code: string, facts = {}) {
  const { publicJwk } = await generateKeyPair()
  const thumbprint = await keyThumbprint(publicJwk)
  return enrollDevice({
    code,
    keys: { sign: publicJwk, seal: publicJwk },
    facts: { ...PHONE, ...facts },
    thumbprint,
    address: '203.0.113.9',
  })
}

describe('createEnrollmentCode', () => {
  test('works, once shown, and its entry names the person and never the code', async () => {
    const tenantId = await makeTenant()
    const admin = await makePerson(tenantId)
    const mei = await makePerson(tenantId, { role: 'member', name: 'Mei Lin', email: 'mei@example.org' })
    const made = await createEnrollmentCode(admin, { personEmail: 'MEI@example.org' })
    expect(made.code).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){2}$/)
    const [, , , entry] = await readLog(database, tenantId)
    expect(entry?.entry).toMatchObject({
      action: 'device.enrollment_code.create',
      actor: { kind: 'person', id: admin.personId },
      target: { type: 'person', id: mei.personId },
    })
    expect(JSON.stringify(entry)).not.toContain(made.code)
  })

  test('refused to a member and to a key without the scope', async () => {
    const tenantId = await makeTenant()
    const member = await makePerson(tenantId, { role: 'member' })
    await expect(createEnrollmentCode(member, { personId: member.personId })).rejects.toMatchObject({
      code: 'forbidden',
    })
    await expect(
      createEnrollmentCode(makeApiKeyActor(tenantId, ['devices:read']), { personId: member.personId }),
    ).rejects.toMatchObject({ code: 'forbidden' })
  })

  test('refused to a session without a recent factor', async () => {
    const admin = await makePerson(await makeTenant())
    await expect(
      createEnrollmentCode({ ...admin, factorAt: null }, { personId: admin.personId }),
    ).rejects.toMatchObject({ code: 'step_up_required' })
  })

  test('another tenant’s person is not found', async () => {
    const admin = await makePerson(await makeTenant())
    const stranger = await makePerson(await makeTenant())
    await expect(createEnrollmentCode(admin, { personId: stranger.personId })).rejects.toMatchObject({
      code: 'not_found',
    })
  })

  test.each([
    [{ personId: 'x' }, 'personId'],
    [{}, 'personId'],
    [{ personEmail: 'a@b.example', personId: '01890000-0000-7000-8000-000000000000' }, 'personId'],
    [{ personEmail: 'mei@example.org', expiresInSeconds: 59 }, 'expiresInSeconds'],
    [{ personEmail: 'mei@example.org', expiresInSeconds: 2_592_001 }, 'expiresInSeconds'],
    [{ personEmail: 'mei@example.org', expiresInSeconds: 1e300 }, 'expiresInSeconds'],
    [{ personEmail: 'me\u0000i@example.org' }, 'personEmail'],
  ])('invalid %j names %s', async (input, field) => {
    const admin = await makePerson(await makeTenant())
    await expect(createEnrollmentCode(admin, input)).rejects.toMatchObject({
      code: 'invalid',
      fields: { [field]: expect.any(String) },
    })
  })

  test('the same Idempotency-Key gives the same code', async () => {
    const admin = await makePerson(await makeTenant())
    const first = await createEnrollmentCode(admin, { personId: admin.personId }, { idempotencyKey: 'k' })
    expect(await createEnrollmentCode(admin, { personId: admin.personId }, { idempotencyKey: 'k' })).toEqual(first)
  })

  test('a revoked code enrols nothing and cannot be revoked twice', async () => {
    const admin = await makePerson(await makeTenant())
    const { id, code } = await createEnrollmentCode(admin, { personId: admin.personId })
    await revokeEnrollmentCode(admin, { codeId: id })
    await expect(attempt(code)).rejects.toMatchObject({ code: 'enrollment_code_invalid' })
    await expect(revokeEnrollmentCode(admin, { codeId: id })).rejects.toMatchObject({ code: 'conflict' })
  })
})

describe('enrollDevice', () => {
  test('works: the device is listed, its token holds, its share opens', async () => {
    const tenantId = await makeTenant()
    const admin = await makePerson(tenantId, { name: 'Noor' })
    const device = await enrollTestDevice(admin)
    expect(device.answer).toMatchObject({ status: 'active', tenantId, policyVersion: 1 })
    const { items } = await listDevices(admin, {})
    expect(items).toHaveLength(1)
    expect(items[0]).toMatchObject({
      name: 'Test phone',
      platform: 'android',
      status: 'active',
      vault: 'ready',
      keyThumbprint: device.thumbprint,
      person: { name: 'Noor' },
      missingEvents: 0,
    })
    const share = await unlockShare(device.actor, {})
    expect(share).toMatchObject({ leaseSeconds: 12 * 3600, policyVersion: 1 })
    expect(Buffer.from(share.share, 'base64url')).toHaveLength(32)
    const log = await readLog(database, tenantId)
    expect(log.map(({ entry }) => entry.action)).toEqual([
      'tenant.create',
      'person.create',
      'device.enrollment_code.create',
      'device.enroll',
      'device.unlock',
    ])
    expect(log[3]).toMatchObject({
      entry: {
        actor: { kind: 'person', id: admin.personId },
        device: { id: device.answer.deviceId },
        outcome: 'allowed',
        source: 'server',
      },
      personal: {
        actorName: 'Noor',
        deviceName: 'Test phone',
        address: '198.51.100.7',
        detail: { platform: 'android', status: 'active' },
      },
    })
  })

  test('a code as people type it', async () => {
    const admin = await makePerson(await makeTenant())
    const { code } = await createEnrollmentCode(admin, { personId: admin.personId })
    await expect(
      attempt(code.toLowerCase().replaceAll('-', '').replaceAll('0', 'o').replaceAll('1', 'l')),
    ).resolves.toMatchObject({ status: 'active' })
  })

  test.each(['', 'AAAA-AAAA-AAAA', 'x'.repeat(200), '0000 0000 0000 0000'])(
    'one answer for the wrong code %j',
    async (code) => {
      await expect(attempt(code)).rejects.toMatchObject({ code: 'enrollment_code_invalid' })
    },
  )

  test('an expired code, and one that is used by another key', async () => {
    const admin = await makePerson(await makeTenant())
    const { code } = await createEnrollmentCode(admin, { personId: admin.personId, expiresInSeconds: 60 })
    await attempt(code)
    await expect(attempt(code)).rejects.toMatchObject({ code: 'enrollment_code_invalid' })
    const late = await createEnrollmentCode(admin, { personId: admin.personId, expiresInSeconds: 60 })
    testingOnlyAdvanceClock(61_000)
    await expect(attempt(late.code)).rejects.toMatchObject({ code: 'enrollment_code_invalid' })
    testingOnlyResetClock()
  })

  test('of twenty at once with one code, one enrols', async () => {
    const tenantId = await makeTenant()
    const admin = await makePerson(tenantId)
    const { code } = await createEnrollmentCode(admin, { personId: admin.personId })
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => attempt(code)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect((await listDevices(admin, {})).items).toHaveLength(1)
  })

  test('the same code and key again, as after a lost answer: one device, and only the new token holds', async () => {
    const admin = await makePerson(await makeTenant())
    const { code } = await createEnrollmentCode(admin, { personId: admin.personId })
    const first = await enrollTestDevice(admin, { code })
    const again = await enrollTestDevice(admin, { code, sign: first.sign })
    expect(again.answer.deviceId).toBe(first.answer.deviceId)
    expect((await listDevices(admin, {})).items).toHaveLength(1)
    await expect(
      deviceFromToken(first.answer.token, { thumbprint: first.thumbprint, address: '' }),
    ).rejects.toMatchObject({ code: 'invalid_token' })
  })

  test('a code that was used does not bring a blocked or retired device back', async () => {
    const tenantId = await makeTenant()
    const admin = await makePerson(tenantId)
    const { code } = await createEnrollmentCode(admin, { personId: admin.personId })
    const device = await enrollTestDevice(admin, { code })
    const { deviceId } = device.answer
    await blockDevice(admin, { deviceId, reason: 'lost' })
    await expect(enrollTestDevice(admin, { code, sign: device.sign })).rejects.toMatchObject({ code: 'forbidden' })
    expect(await getDevice(admin, { deviceId })).toMatchObject({ status: 'blocked', vault: 'withheld' })
    await retireDevice(admin, { deviceId })
    await expect(enrollTestDevice(admin, { code, sign: device.sign })).rejects.toMatchObject({
      code: 'enrollment_code_invalid',
    })
    // With a new code a retired device may come back.
    await expect(enrollTestDevice(admin, { sign: device.sign })).resolves.toMatchObject({ answer: { deviceId } })
  })

  test('a token is bound to its key and its organisation', async () => {
    const admin = await makePerson(await makeTenant())
    const device = await enrollTestDevice(admin)
    await expect(deviceFromToken(device.answer.token, { thumbprint: 'other', address: '' })).rejects.toMatchObject({
      code: 'invalid_token',
    })
    await expect(deviceFromToken('gd_x', { thumbprint: device.thumbprint, address: '' })).rejects.toMatchObject({
      code: 'invalid_token',
    })
  })

  test('the cap of the policy holds against a rush, and a retired device does not count', async () => {
    const tenantId = await makeTenant()
    const admin = await makePerson(tenantId)
    await publish(tenantId, (document) => {
      document.devices.maxPerPerson = 2
    })
    const codes = await Promise.all(
      Array.from({ length: 6 }, () => createEnrollmentCode(admin, { personId: admin.personId })),
    )
    const outcomes = await Promise.allSettled(codes.map(({ code }) => attempt(code)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(2)
    const refused = outcomes.find(({ status }) => status === 'rejected')
    expect(refused).toMatchObject({
      reason: { code: 'device_limit_reached', detail: expect.stringContaining('allows 2') },
    })
    const denied = (await readLog(database, tenantId)).filter(
      ({ entry }) => entry.action === 'device.enroll' && entry.outcome === 'denied',
    )
    expect(denied).toHaveLength(4)
    expect(denied[0]?.personal).toMatchObject({ detail: { problem: 'device_limit_reached' } })
  })

  test('an app below the minimum is told which version it needs', async () => {
    const tenantId = await makeTenant()
    const admin = await makePerson(tenantId)
    await publish(tenantId, (document) => {
      document.devices.minAppVersion = { agent: '2.0.0' }
    })
    const { code } = await createEnrollmentCode(admin, { personId: admin.personId })
    await expect(attempt(code)).rejects.toMatchObject({
      code: 'app_version_too_old',
      detail: expect.stringContaining('2.0.0'),
    })
    await expect(attempt(code, { appVersion: '2.0.0' })).resolves.toMatchObject({ status: 'active' })
  })

  test('where no browser may be enrolled, new ones are refused with the reason and those that are enrolled stay', async () => {
    const tenantId = await makeTenant()
    const admin = await makePerson(tenantId)
    const browser = { platform: 'browser', name: 'Firefox' } as const
    const kept = await enrollTestDevice(admin, { facts: browser })
    await publish(tenantId, (document) => {
      document.devices.browser.enrol = 'block'
    })
    const { code } = await createEnrollmentCode(admin, { personId: admin.personId })
    await expect(attempt(code, browser)).rejects.toMatchObject({
      code: 'policy_forbids',
      detail: expect.stringContaining('devices.browser.enrol'),
    })
    expect((await getDevice(admin, { deviceId: kept.answer.deviceId })).status).toBe('active')
    const entry = (await readLog(database, tenantId)).at(-1)
    expect(entry?.entry).toMatchObject({ action: 'device.enroll', outcome: 'denied' })
    expect(entry?.personal).toMatchObject({ detail: { problem: 'policy_forbids' } })
    await expect(attempt(code)).resolves.toMatchObject({ status: 'active' })
  })

  test('manual approval: pending, without a share, until somebody approves', async () => {
    const tenantId = await makeTenant()
    const admin = await makePerson(tenantId)
    await publish(tenantId, (document) => {
      document.devices.approval = 'manual'
    })
    const device = await enrollTestDevice(admin)
    expect(device.answer.status).toBe('pending')
    await expect(unlockShare(device.actor, {})).rejects.toMatchObject({ code: 'device_pending' })
    await approveDevice(admin, { deviceId: device.answer.deviceId })
    await expect(unlockShare(device.actor, {})).resolves.toMatchObject({ leaseSeconds: 43_200 })
    await expect(approveDevice(admin, { deviceId: device.answer.deviceId })).rejects.toMatchObject({ code: 'conflict' })
    expect(await getDevice(admin, { deviceId: device.answer.deviceId })).toMatchObject({
      status: 'active',
      vault: 'ready',
    })
  })

  test('hardware with an open erase may not enrol: by its key, and by platform and serial', async () => {
    const tenantId = await makeTenant()
    const owner = await makePerson(tenantId, { role: 'owner', founder: true })
    const device = await enrollTestDevice(owner, { facts: { serial: 'SN-1' } })
    const input = { deviceId: device.answer.deviceId, scope: 'organisation-data' as const, reason: 'lost' }
    await requestWipe(owner, input, { stepUpGrantId: await makeGrant(owner, requestWipe.requestHash(input)) })
    await expect(enrollTestDevice(owner, { sign: device.sign })).rejects.toMatchObject({ code: 'wipe_pending' })
    const { code } = await createEnrollmentCode(owner, { personId: owner.personId })
    await expect(attempt(code, { serial: 'SN-1' })).rejects.toMatchObject({ code: 'wipe_pending' })
    await expect(attempt(code, { serial: 'SN-1', platform: 'ios' })).resolves.toMatchObject({ status: 'active' })
    const denied = (await readLog(database, tenantId)).filter(
      ({ entry }) => entry.action === 'device.enroll' && entry.outcome === 'denied',
    )
    expect(denied.map(({ personal }) => personal.detail)).toEqual([
      { problem: 'wipe_pending' },
      { problem: 'wipe_pending' },
    ])
  })
})
