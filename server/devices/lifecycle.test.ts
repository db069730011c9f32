import { describe, expect, test } from 'vitest'
import { signKeyRotation } from '#protocol/device/key-rotation.ts'
import { generateKeyPair, importSignKey, keyThumbprint } from '#protocol/device/keys.ts'
import { signReceipt } from '#protocol/device/receipts.ts'
import { deviceCode } from '#protocol/policy/watermark.ts'
import { now } from '#server/kernel/clock.ts'
import { enrollTestDevice } from '#test/device.ts'
import { makeApiKeyActor, makeGrant, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import {
  acceptReceipt,
  blockDevice,
  deviceFromToken,
  recordPresence,
  reportFacts,
  retireDevice,
  rotateKeys,
  unblockDevice,
  unlockShare,
  updateDevice,
  waitingCommands,
} from './commands.ts'
import { countDevices, getDevice, listDevices } from './queries.ts'
import { deviceCan } from './schema.ts'

const database = useDatabase()

async function setUp() {
  const tenantId = await makeTenant()
  const admin = await makePerson(tenantId, { name: 'Ada' })
  return { tenantId, admin, device: await enrollTestDevice(admin) }
}

describe('blockDevice', () => {
  test('works: share withheld, device locked, entry exact, and repeating conflicts', async () => {
    const { tenantId, admin, device } = await setUp()
    const { deviceId } = device.answer
    await blockDevice(admin, { deviceId, reason: 'left in a taxi' })
    await expect(unlockShare(device.actor, {})).rejects.toMatchObject({ code: 'device_revoked' })
    expect(await getDevice(admin, { deviceId })).toMatchObject({
      status: 'blocked',
      statusReason: 'left in a taxi',
      vault: 'withheld',
    })
    expect((await waitingCommands(device.actor)).map(({ type }) => type)).toEqual(['lock'])
    expect((await deviceFromToken(device.answer.token, { thumbprint: device.thumbprint, address: '' })).inService).toBe(
      false,
    )
    const entry = (await readLog(database, tenantId)).find(({ entry }) => entry.action === 'device.block')
    expect(entry).toMatchObject({
      entry: {
        actor: { kind: 'person', id: admin.personId },
        device: { id: deviceId },
        target: { type: 'device', id: deviceId },
        outcome: 'allowed',
      },
      personal: { reason: 'left in a taxi', actorName: 'Ada' },
    })
    await expect(blockDevice(admin, { deviceId })).rejects.toMatchObject({
      code: 'conflict',
      extra: { reason: 'already_blocked' },
    })
  })

  test('one step-up: a factor older than 15 minutes is asked for again; a key needs none', async () => {
    const { tenantId, admin, device } = await setUp()
    const stale = { ...admin, factorAt: new Date(now().getTime() - 16 * 60_000) }
    await expect(blockDevice(stale, { deviceId: device.answer.deviceId })).rejects.toMatchObject({
      code: 'step_up_required',
    })
    await blockDevice(makeApiKeyActor(tenantId, ['devices:write']), { deviceId: device.answer.deviceId })
  })

  test('refused to compliance; another tenant’s device is not found; a bad id is invalid', async () => {
    const { tenantId, device } = await setUp()
    const reader = await makePerson(tenantId, { role: 'compliance' })
    await expect(blockDevice(reader, { deviceId: device.answer.deviceId })).rejects.toMatchObject({ code: 'forbidden' })
    const stranger = await makePerson(await makeTenant())
    await expect(blockDevice(stranger, { deviceId: device.answer.deviceId })).rejects.toMatchObject({
      code: 'not_found',
    })
    await expect(blockDevice(stranger, { deviceId: 'x' })).rejects.toMatchObject({
      code: 'invalid',
      fields: { deviceId: 'is not an id' },
    })
  })

  test('against an unlock at the same moment: a share that went out is known', async () => {
    const { admin, device } = await setUp()
    const { deviceId } = device.answer
    const [unlocked] = await Promise.allSettled([unlockShare(device.actor, {}), blockDevice(admin, { deviceId })])
    const view = await getDevice(admin, { deviceId })
    expect(view.status).toBe('blocked')
    expect(view.offlineUntil !== null).toBe(unlocked.status === 'fulfilled')
  })
})

describe('unblockDevice', () => {
  test('is a guard: a person with a fresh factor, never a key', async () => {
    const { tenantId, admin, device } = await setUp()
    const input = { deviceId: device.answer.deviceId }
    await blockDevice(admin, input)
    await expect(unblockDevice(makeApiKeyActor(tenantId, ['devices:write']), input)).rejects.toMatchObject({
      code: 'person_required',
    })
    await expect(unblockDevice(admin, input)).rejects.toMatchObject({ code: 'step_up_required' })
    const stepUpGrantId = await makeGrant(admin, unblockDevice.requestHash(input))
    await unblockDevice(admin, input, { stepUpGrantId })
    expect(await getDevice(admin, input)).toMatchObject({ status: 'active', vault: 'ready' })
    expect(await waitingCommands(device.actor)).toEqual([])
    await expect(unblockDevice(admin, input, { stepUpGrantId })).rejects.toMatchObject({ code: 'step_up_required' })
    await expect(unlockShare(device.actor, {})).resolves.toBeDefined()
  })
})

describe('retireDevice and updateDevice', () => {
  test('a retired device is refused, may enrol again with its key, and is the same device then', async () => {
    const { admin, device } = await setUp()
    const { deviceId } = device.answer
    await retireDevice(admin, { deviceId })
    expect((await deviceFromToken(device.answer.token, { thumbprint: device.thumbprint, address: '' })).inService).toBe(
      false,
    )
    await expect(retireDevice(admin, { deviceId })).rejects.toMatchObject({
      code: 'conflict',
      extra: { reason: 'already_retired' },
    })
    const again = await enrollTestDevice(admin, { sign: device.sign })
    expect(again.answer.deviceId).toBe(deviceId)
    expect(again.answer.enrollmentId).not.toBe(device.answer.enrollmentId)
    expect(await waitingCommands(again.actor)).toEqual([])
  })

  test('a blocked device cannot come back by enrolling again', async () => {
    const { admin, device } = await setUp()
    await blockDevice(admin, { deviceId: device.answer.deviceId })
    await expect(enrollTestDevice(admin, { sign: device.sign })).rejects.toMatchObject({ code: 'forbidden' })
  })

  test('renaming says before and after', async () => {
    const { tenantId, admin, device } = await setUp()
    await updateDevice(admin, { deviceId: device.answer.deviceId, name: 'Field phone', ownership: 'company' })
    const last = (await readLog(database, tenantId)).at(-1)
    expect(last?.personal.detail).toEqual({
      name: { before: 'Test phone', after: 'Field phone' },
      ownership: { before: 'personal', after: 'company' },
    })
    await expect(updateDevice(admin, { deviceId: device.answer.deviceId })).rejects.toMatchObject({ code: 'invalid' })
    await expect(updateDevice(admin, { deviceId: device.answer.deviceId, name: 'a\u202eb' })).rejects.toMatchObject({
      fields: { name: expect.any(String) },
    })
  })
})

describe('facts, keys, presence', () => {
  test('a check-in writes an entry only when something is new', async () => {
    const { tenantId, admin, device } = await setUp()
    const before = (await readLog(database, tenantId)).length
    expect(await reportFacts(device.actor, device.facts)).toEqual({ status: 'active', policyVersion: 1, problem: null })
    expect(await readLog(database, tenantId)).toHaveLength(before)
    await reportFacts(device.actor, { ...device.facts, appVersion: '1.5.0' })
    const log = await readLog(database, tenantId)
    expect(log).toHaveLength(before + 1)
    expect(log.at(-1)).toMatchObject({
      entry: { action: 'device.facts', actor: { kind: 'device' } },
      personal: { detail: { appVersion: { before: '1.4.0', after: '1.5.0' } } },
    })
    expect(await getDevice(admin, { deviceId: device.answer.deviceId })).toMatchObject({
      appVersion: '1.5.0',
      name: 'Test phone',
    })
    await expect(reportFacts(device.actor, { ...device.facts, platform: 'ios' })).rejects.toMatchObject({
      code: 'forbidden',
    })
    await expect(reportFacts(device.actor, { ...device.facts, name: 'a\u0000' })).rejects.toMatchObject({
      code: 'invalid',
      fields: { name: expect.any(String) },
    })
  })

  test('rotated keys bind the token and receipts from then on; a rotation by a stranger is refused', async () => {
    const { admin, device } = await setUp()
    const next = await generateKeyPair()
    const rotation = {
      deviceId: device.actor.deviceId,
      enrollmentId: device.actor.enrollmentId,
      keys: { sign: next.publicJwk, seal: next.publicJwk },
      at: now().toISOString(),
    }
    const newKey = await importSignKey(next.privateJwk)
    const forged = await signKeyRotation(rotation, { oldKey: newKey, newKey })
    await expect(rotateKeys(device.actor, forged)).rejects.toMatchObject({ code: 'forbidden' })
    const request = await signKeyRotation(rotation, { oldKey: await importSignKey(device.sign.privateJwk), newKey })
    const thumbprint = await keyThumbprint(next.publicJwk)
    expect(await rotateKeys(device.actor, request)).toEqual({ keyThumbprint: thumbprint })
    await expect(rotateKeys(device.actor, request)).rejects.toMatchObject({ code: 'forbidden' })
    await expect(
      deviceFromToken(device.answer.token, { thumbprint: device.thumbprint, address: '' }),
    ).rejects.toMatchObject({ code: 'invalid_token' })
    await expect(deviceFromToken(device.answer.token, { thumbprint, address: '' })).resolves.toMatchObject({
      thumbprint,
    })
    expect(await getDevice(admin, { deviceId: device.actor.deviceId })).toMatchObject({ keyThumbprint: thumbprint })
  })

  test('presence of many at once, without an entry; what is absent stays', async () => {
    const { tenantId, admin, device } = await setUp()
    const { deviceId } = device.answer
    const entries = (await readLog(database, tenantId)).length
    const contact = {
      deviceId,
      at: now(),
      address: '192.0.2.1',
      tlsProtocol: 'TLSv1.3',
      tlsCipher: 'TLS_AES_128_GCM_SHA256',
    }
    await recordPresence(tenantId, [
      { ...contact, tlsGroup: 'X25519MLKEM768', policyVersion: 1 },
      { ...contact, deviceId: tenantId },
    ])
    await recordPresence(tenantId, [{ ...contact, onlineUntil: new Date(now().getTime() + 60_000) }])
    expect(await getDevice(admin, { deviceId })).toMatchObject({
      tls: { protocol: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256', group: 'X25519MLKEM768' },
      online: true,
      policyVersion: 1,
    })
    expect(await readLog(database, tenantId)).toHaveLength(entries)
  })

  test('a lock is answered by a signed receipt', async () => {
    const { tenantId, admin, device } = await setUp()
    const { deviceId } = device.answer
    await blockDevice(admin, { deviceId })
    const [lock] = await waitingCommands(device.actor)
    const { id: commandId, nonce } = JSON.parse(Buffer.from(lock?.jws.split('.')[1] ?? '', 'base64url').toString()) as {
      id: string
      nonce: string
    }
    const receipt = {
      commandId,
      deviceId,
      nonce,
      result: 'locked',
      erased: { files: 0, bytes: 0 },
      at: now().toISOString(),
    } as const
    const jws = await signReceipt(receipt, await importSignKey(device.sign.privateJwk), device.thumbprint)
    expect(await acceptReceipt(device.actor, { commandId, jws })).toEqual({ state: 'done' })
    expect(await waitingCommands(device.actor)).toEqual([])
    expect((await readLog(database, tenantId)).at(-1)).toMatchObject({
      entry: { action: 'device.command.receipt' },
      personal: { detail: { type: 'lock', result: 'locked' } },
    })
  })
})

describe('listDevices', () => {
  test('filters, orders and pages without losing or repeating a row', async () => {
    const tenantId = await makeTenant()
    const admin = await makePerson(tenantId, { name: 'Ada' })
    const mei = await makePerson(tenantId, { name: 'Mei', email: 'mei@example.org' })
    for (let n = 0; n < 5; n++) await enrollTestDevice(admin, { facts: { name: `Tablet ${n % 2}`, platform: 'ios' } })
    const phone = await enrollTestDevice(mei, { facts: { name: '100% _phone', serial: 'S\\1' } })
    for (const sort of ['name', 'lastSeen', 'enrolled'] as const) {
      const ids: string[] = []
      let cursor: string | null = null
      do {
        const page: Awaited<ReturnType<typeof listDevices>> = await listDevices(admin, {
          sort,
          limit: 2,
          ...(cursor ? { cursor } : {}),
        })
        ids.push(...page.items.map(({ id }) => id))
        cursor = page.nextCursor
      } while (cursor)
      expect(new Set(ids).size).toBe(6)
      expect(ids).toHaveLength(6)
    }
    const found = async (input: Parameters<typeof listDevices>[1]) =>
      (await listDevices(admin, input)).items.map(({ id }) => id)
    expect(await found({ q: 'MEI@' })).toEqual([phone.answer.deviceId])
    expect(await found({ q: '100%' })).toEqual([phone.answer.deviceId])
    expect(await found({ q: '_phone' })).toEqual([phone.answer.deviceId])
    expect(await found({ q: 's\\1' })).toEqual([phone.answer.deviceId])
    expect(await found({ q: deviceCode(phone.answer.deviceId) })).toEqual([phone.answer.deviceId])
    expect(await found({ platform: 'ios' })).toHaveLength(5)
    expect(await found({ person: mei.personId, status: 'active' })).toEqual([phone.answer.deviceId])
    expect(await found({ status: 'wiped' })).toEqual([])
    await expect(listDevices(admin, { cursor: 'bm9wZQ' })).rejects.toMatchObject({
      code: 'invalid',
      fields: { cursor: expect.any(String) },
    })
    await expect(listDevices(admin, { limit: 201 })).rejects.toMatchObject({ code: 'invalid' })
    expect(await countDevices(admin, {})).toMatchObject({
      total: 6,
      byStatus: { active: 6 },
      silent: 0,
      missingEvents: 0,
    })
    const stranger = await makePerson(await makeTenant())
    expect((await listDevices(stranger, {})).items).toEqual([])
  })
})

test('predicates give one reason each', () => {
  const state = { status: 'active', channel: 'agent', vault: 'ready', openWipeId: null } as const
  expect(deviceCan.wipe(state)).toBe(true)
  expect(deviceCan.wipe({ ...state, channel: 'import:mdm' })).toBe('not_managed')
  expect(deviceCan.block({ ...state, status: 'blocked' })).toBe('already_blocked')
  expect(deviceCan.unblock({ ...state, status: 'blocked', vault: 'destroyed' })).toBe('share_destroyed')
  expect(deviceCan.retire({ ...state, openWipeId: 'x' })).toBe('wipe_open')
})
