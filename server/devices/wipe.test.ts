import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { type Command, verifyCommand } from '#protocol/device/commands.ts'
import { importSignKey } from '#protocol/device/keys.ts'
import { type Receipt, signReceipt } from '#protocol/device/receipts.ts'
import { cancelAllRequests, decisions } from '#server/approvals/commands.ts'
import { listRequests } from '#server/approvals/queries.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { releaseDelayedRequest } from '#server/kernel/brake-decisions.ts'
import { now, testingOnlyAdvanceClock, testingOnlyResetClock } from '#server/kernel/clock.ts'
import { enrollTestDevice, type TestDevice } from '#test/device.ts'
import { makeApiKeyActor, makeGrant, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import {
  acceptReceipt,
  blockDevice,
  markCommandsDelivered,
  requestWipe,
  unblockDevice,
  unlockShare,
  waitingCommands,
} from './commands.ts'
import { applyDestroyed, deviceJobs } from './jobs.ts'
import { getDevice, getWipe, getWipeReceipt, listWipes } from './queries.ts'

const database = useDatabase()
const REASON = 'lost'

afterEach(testingOnlyResetClock)

async function founderWithDevice(): Promise<{ tenantId: string; owner: PersonActor; device: TestDevice }> {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true, name: 'Noor' })
  return { tenantId, owner, device: await enrollTestDevice(owner) }
}

const inputFor = (device: TestDevice) => ({
  deviceId: device.answer.deviceId,
  scope: 'organisation-data' as const,
  reason: REASON,
})

async function ask(person: PersonActor, device: TestDevice) {
  const input = inputFor(device)
  return requestWipe(person, input, { stepUpGrantId: await makeGrant(person, requestWipe.requestHash(input)) })
}

/** Lets the undo window pass and the background process do its work. */
async function carryOut(tenantId: string, requestId: string) {
  testingOnlyAdvanceClock(31_000)
  return releaseDelayedRequest(tenantId, requestId)
}

async function order(device: TestDevice): Promise<Command> {
  const waiting = await waitingCommands(device.actor)
  const wipe = waiting.find(({ type }) => type === 'wipe')
  const { tenantId, deviceId, enrollmentId } = device.actor
  return verifyCommand(wipe?.jws ?? '', device.answer.serverKeys, {
    tenantId,
    deviceId,
    enrollmentId,
    nowMs: now().getTime(),
  })
}

async function receiptFor(device: TestDevice, command: Command, change: Partial<Receipt> = {}): Promise<string> {
  const key = await importSignKey(device.sign.privateJwk)
  const receipt: Receipt = {
    commandId: command.id,
    deviceId: device.actor.deviceId,
    nonce: command.nonce,
    result: 'erased',
    erased: { files: 3, bytes: 4096 },
    at: now().toISOString(),
    scope: 'organisation-data',
    ...change,
  }
  return signReceipt(receipt, key, device.thumbprint)
}

describe('the whole way', () => {
  test('block at once, erase after the undo window, receipt verified, every step in the log', async () => {
    const { tenantId, owner, device } = await founderWithDevice()
    const { deviceId } = device.answer
    const { leaseSeconds } = await unlockShare(device.actor, {})
    const asked = await ask(owner, device)
    expect(asked).toMatchObject({ deviceId, state: 'delayed', undoUntil: expect.any(String) })
    expect(await getDevice(owner, { deviceId })).toMatchObject({
      status: 'blocked',
      vault: 'withheld',
      openWipeId: asked.id,
    })
    await expect(unlockShare(device.actor, {})).rejects.toMatchObject({ code: 'device_revoked' })
    expect(await releaseDelayedRequest(tenantId, asked.id)).toBe('not due')

    expect(await carryOut(tenantId, asked.id)).toBe('carried out')
    const queued = await getWipe(owner, { wipeId: asked.id })
    expect(queued).toMatchObject({ state: 'queued', shareDestroyedAt: expect.any(String), undoUntil: null })
    const lease = Date.parse(queued.offlineUntil ?? '') - now().getTime()
    expect(Math.abs(lease - leaseSeconds * 1_000)).toBeLessThan(60_000)
    expect(await getDevice(owner, { deviceId })).toMatchObject({
      status: 'wiping',
      vault: 'destroyed',
      offlineUntil: queued.offlineUntil,
    })
    const { rows } = await database.superuser.query('SELECT 1 FROM vault_share WHERE device_id = $1', [deviceId])
    expect(rows).toHaveLength(0)

    const command = await order(device)
    expect(command).toMatchObject({ type: 'wipe', args: { wipeId: asked.id, scope: 'organisation-data' } })
    await markCommandsDelivered(device.actor, await waitingCommands(device.actor))
    await markCommandsDelivered(device.actor, await waitingCommands(device.actor))
    expect(await getWipe(owner, { wipeId: asked.id })).toMatchObject({ state: 'delivered' })

    const jws = await receiptFor(device, command)
    expect(await acceptReceipt(device.actor, { commandId: command.id, jws })).toEqual({ state: 'done' })
    const entries = (await readLog(database, tenantId)).length
    expect(await acceptReceipt(device.actor, { commandId: command.id, jws })).toEqual({ state: 'done' })
    expect(await readLog(database, tenantId)).toHaveLength(entries)

    const done = await getWipe(owner, { wipeId: asked.id })
    expect(done.timeline.map(({ state }) => state)).toEqual(['delayed', 'queued', 'delivered', 'erased'])
    expect(done.receipt).toMatchObject({
      result: 'erased',
      files: 3,
      bytes: 4096,
      verified: true,
      thumbprint: device.thumbprint,
      jws,
    })
    expect(await getWipeReceipt(owner, { wipeId: asked.id })).toBe(jws)
    expect(await getDevice(owner, { deviceId })).toMatchObject({ status: 'wiped', openWipeId: null })
    const wipes = (await readLog(database, tenantId)).filter(({ entry }) => /^device\.(wipe|block)/.test(entry.action))
    expect(wipes.map(({ entry }) => `${entry.action} ${entry.outcome} ${entry.actor.kind}`)).toEqual([
      'device.wipe.request pending person',
      'device.block allowed person',
      'device.wipe.queue allowed system',
      'device.wipe.deliver allowed device',
      'device.wipe.receipt allowed device',
    ])
    expect(wipes.every(({ entry }) => entry.correlationId === asked.id && entry.device?.id === deviceId)).toBe(true)
    expect(wipes[4]?.personal.detail).toEqual({
      result: 'erased',
      files: '3',
      bytes: '4096',
      thumbprint: device.thumbprint,
    })
  })

  test('a wiped device that returns meets its order again', async () => {
    const { tenantId, owner, device } = await founderWithDevice()
    const { id } = await ask(owner, device)
    await carryOut(tenantId, id)
    const command = await order(device)
    await acceptReceipt(device.actor, { commandId: command.id, jws: await receiptFor(device, command) })
    expect((await order(device)).id).toBe(command.id)
  })

  test('silence for a day after delivery is told, and a late receipt still counts', async () => {
    const { tenantId, owner, device } = await founderWithDevice()
    const { id } = await ask(owner, device)
    await carryOut(tenantId, id)
    await deviceJobs['device.wipe_unconfirmed']({ tenantId, wipeId: id })
    expect(await getWipe(owner, { wipeId: id })).toMatchObject({ state: 'queued' })
    await markCommandsDelivered(device.actor, await waitingCommands(device.actor))
    await deviceJobs['device.wipe_unconfirmed']({ tenantId, wipeId: id })
    await deviceJobs['device.wipe_unconfirmed']({ tenantId, wipeId: id })
    expect(await getWipe(owner, { wipeId: id })).toMatchObject({ state: 'unconfirmed' })
    const command = await order(device)
    await acceptReceipt(device.actor, { commandId: command.id, jws: await receiptFor(device, command) })
    expect((await getWipe(owner, { wipeId: id })).timeline.map(({ state }) => state)).toEqual([
      'delayed',
      'queued',
      'delivered',
      'unconfirmed',
      'erased',
    ])
    const { rows } = await database.superuser.query(`SELECT run_at FROM graphile_worker.jobs WHERE key = $1`, [
      `wipe-unconfirmed:${id}`,
    ])
    expect(new Date(rows[0].run_at).getTime() - now().getTime()).toBeGreaterThan(23.9 * 3_600_000)
  })

  test('a failed erase is told and may be asked for again', async () => {
    const { tenantId, owner, device } = await founderWithDevice()
    const { id } = await ask(owner, device)
    await carryOut(tenantId, id)
    const command = await order(device)
    const jws = await receiptFor(device, command, {
      result: 'failed',
      code: 'storage_error',
      erased: { files: 0, bytes: 0 },
    })
    expect(await acceptReceipt(device.actor, { commandId: command.id, jws })).toEqual({ state: 'failed' })
    expect(await getWipe(owner, { wipeId: id })).toMatchObject({
      state: 'failed',
      receipt: { result: 'failed', code: 'storage_error', verified: true },
    })
    await expect(
      unblockDevice(
        owner,
        { deviceId: device.answer.deviceId },
        { stepUpGrantId: await makeGrant(owner, unblockDevice.requestHash({ deviceId: device.answer.deviceId })) },
      ),
    ).rejects.toMatchObject({ code: 'conflict', extra: { reason: 'share_destroyed' } })
    await expect(ask(owner, device)).resolves.toMatchObject({ state: 'delayed' })
  })

  test('what was destroyed stays destroyed when an old backup brings it back', async () => {
    const { tenantId, owner, device } = await founderWithDevice()
    const { rows: kept } = await database.superuser.query('SELECT * FROM vault_share WHERE device_id = $1', [
      device.answer.deviceId,
    ])
    const { id } = await ask(owner, device)
    await carryOut(tenantId, id)
    const payload = { tenantId, enrollmentIds: [device.actor.enrollmentId] }
    await deviceJobs['device.record_destroyed'](payload)
    await deviceJobs['device.record_destroyed'](payload)
    const file = join(database.dataDir, 'checkpoints', `destroyed-${tenantId}`)
    expect(readFileSync(file, 'utf8').match(new RegExp(device.actor.enrollmentId, 'g'))).toHaveLength(1)
    const client = await database.superuser.connect()
    await client.query('BEGIN; SET LOCAL session_replication_role = replica')
    await client.query(
      'INSERT INTO vault_share (tenant_id, enrollment_id, device_id, device_key, share) VALUES ($1,$2,$3,$4,$5)',
      [tenantId, kept[0].enrollment_id, kept[0].device_id, kept[0].device_key, kept[0].share],
    )
    await client.query('COMMIT')
    client.release()
    expect(await applyDestroyed()).toBe(1)
    expect(await applyDestroyed()).toBe(0)
  })
})

describe('requestWipe', () => {
  test('refused to those without the permission', async () => {
    const { tenantId, device } = await founderWithDevice()
    for (const role of ['member', 'compliance'] as const) {
      const person = await makePerson(tenantId, { role })
      await expect(requestWipe(person, inputFor(device))).rejects.toMatchObject({ code: 'forbidden' })
    }
    await expect(requestWipe(makeApiKeyActor(tenantId, ['devices:write']), inputFor(device))).rejects.toMatchObject({
      code: 'forbidden',
    })
    await expect(requestWipe(device.actor, inputFor(device))).rejects.toMatchObject({ code: 'forbidden' })
  })

  test('not without a factor given for exactly this request', async () => {
    const { owner, device } = await founderWithDevice()
    await expect(requestWipe(owner, inputFor(device))).rejects.toMatchObject({ code: 'step_up_required' })
    const other = await makeGrant(owner, requestWipe.requestHash({ ...inputFor(device), scope: 'device' }))
    await expect(requestWipe(owner, inputFor(device), { stepUpGrantId: other })).rejects.toMatchObject({
      code: 'step_up_required',
    })
    expect(await getDevice(owner, { deviceId: device.answer.deviceId })).toMatchObject({ status: 'active' })
  })

  test('another tenant’s device is not found', async () => {
    const { device } = await founderWithDevice()
    const stranger = await founderWithDevice()
    await expect(ask(stranger.owner, device)).rejects.toMatchObject({ code: 'not_found' })
    expect((await listWipes(stranger.owner, {})).items).toEqual([])
  })

  test.each([
    [{ scope: 'everything' }, 'scope'],
    [{ reason: '' }, 'reason'],
    [{ reason: 'x'.repeat(201) }, 'reason'],
    [{ reason: '\ud800' }, 'reason'],
    [{ deviceId: '../x' }, 'deviceId'],
    [{ extra: 1 }, 'extra'],
  ])('invalid %j names %s', async (change, field) => {
    const { owner, device } = await founderWithDevice()
    const input = { ...inputFor(device), ...change } as ReturnType<typeof inputFor>
    await expect(requestWipe(owner, input)).rejects.toMatchObject({
      code: 'invalid',
      fields: { [field]: expect.any(String) },
    })
  })

  test('of two at once, one is taken and the other conflicts', async () => {
    const { owner, device } = await founderWithDevice()
    const outcomes = await Promise.allSettled([ask(owner, device), ask(owner, device)])
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'conflict' } })
    expect((await listWipes(owner, { state: 'open' })).items).toHaveLength(1)
  })

  test('an Idempotency-Key makes repeating harmless', async () => {
    const { tenantId, device } = await founderWithDevice()
    const key = makeApiKeyActor(tenantId, ['devices:wipe'])
    const first = await requestWipe(key, inputFor(device), { idempotencyKey: 'once' })
    expect(await requestWipe(key, inputFor(device), { idempotencyKey: 'once' })).toEqual(first)
  })

  test('beyond the budget it is held, the device blocked all the same', async () => {
    const { owner } = await founderWithDevice()
    const states: string[] = []
    for (let n = 0; n < 6; n++) states.push((await ask(owner, await enrollTestDevice(owner))).state)
    expect(states).toEqual([...Array(5).fill('delayed'), 'held'])
  })

  test('rolls back as a whole when the entry cannot be appended', async () => {
    const { owner, device, tenantId } = await founderWithDevice()
    const stepUpGrantId = await makeGrant(owner, requestWipe.requestHash(inputFor(device)))
    await database.superuser.query(
      `ALTER TABLE audit_entry ADD CONSTRAINT refuse CHECK (entry NOT LIKE '%"action":"device.wipe.request"%') NOT VALID`,
    )
    await expect(requestWipe(owner, inputFor(device), { stepUpGrantId })).rejects.toThrow()
    await database.superuser.query('ALTER TABLE audit_entry DROP CONSTRAINT refuse')
    expect(await getDevice(owner, { deviceId: device.answer.deviceId })).toMatchObject({
      status: 'active',
      vault: 'ready',
      openWipeId: null,
    })
    expect((await listWipes(owner, {})).items).toEqual([])
    const { rows } = await database.superuser.query('SELECT 1 FROM brake_request WHERE tenant_id = $1', [tenantId])
    expect(rows).toEqual([])
    await expect(requestWipe(owner, inputFor(device), { stepUpGrantId })).resolves.toMatchObject({ state: 'delayed' })
  })
})

describe('carrying out', () => {
  test.each(['device.wipe.queue'])(
    'nothing is destroyed when %s cannot be recorded; the next attempt does it',
    async (action) => {
      const { owner, device, tenantId } = await founderWithDevice()
      const { id } = await ask(owner, device)
      await database.superuser.query(
        `ALTER TABLE audit_entry ADD CONSTRAINT refuse CHECK (entry NOT LIKE '%"action":"${action}"%') NOT VALID`,
      )
      await expect(carryOut(tenantId, id)).rejects.toThrow()
      await database.superuser.query('ALTER TABLE audit_entry DROP CONSTRAINT refuse')
      expect(await getDevice(owner, { deviceId: device.answer.deviceId })).toMatchObject({
        status: 'blocked',
        vault: 'withheld',
      })
      expect(await getWipe(owner, { wipeId: id })).toMatchObject({ state: 'delayed', shareDestroyedAt: null })
      expect((await waitingCommands(device.actor)).map(({ type }) => type)).toEqual(['lock'])
      expect(await carryOut(tenantId, id)).toBe('carried out')
      expect(await carryOut(tenantId, id)).toBe('closed')
    },
  )

  test('cancel against release at the same moment: one of them holds', async () => {
    const { owner, device, tenantId } = await founderWithDevice()
    const { id } = await ask(owner, device)
    testingOnlyAdvanceClock(31_000)
    const [cancelled, released] = await Promise.allSettled([
      decisions['device.wipe'].cancel(owner, { requestId: id }),
      releaseDelayedRequest(tenantId, id),
    ])
    const { state } = await getWipe(owner, { wipeId: id })
    const { status, vault } = await getDevice(owner, { deviceId: device.answer.deviceId })
    if (cancelled.status === 'fulfilled')
      expect({ state, status, vault, released }).toMatchObject({
        state: 'cancelled',
        status: 'active',
        vault: 'ready',
        released: { value: 'closed' },
      })
    else
      expect({ state, status, vault, released }).toMatchObject({
        state: 'queued',
        status: 'wiping',
        vault: 'destroyed',
        released: { value: 'carried out' },
      })
  })
})

describe('decisions', () => {
  test('cancel gives the device its status back, and only when the request had taken it', async () => {
    const { owner, device } = await founderWithDevice()
    const { deviceId } = device.answer
    const first = await ask(owner, device)
    await decisions['device.wipe'].cancel(owner, { requestId: first.id })
    expect(await getDevice(owner, { deviceId })).toMatchObject({ status: 'active', vault: 'ready' })
    expect(await waitingCommands(device.actor)).toEqual([])
    await expect(decisions['device.wipe'].cancel(owner, { requestId: first.id })).rejects.toMatchObject({
      code: 'conflict',
    })
    await blockDevice(owner, { deviceId })
    const second = await ask(owner, device)
    await decisions['device.wipe'].cancel(owner, { requestId: second.id })
    expect(await getDevice(owner, { deviceId })).toMatchObject({ status: 'blocked', vault: 'withheld' })
  })

  test('a key waits for a person other than its maker, and cannot decide itself', async () => {
    const { tenantId, owner, device } = await founderWithDevice()
    const maker = await makePerson(tenantId, { role: 'admin', name: 'Maker' })
    const key = makeApiKeyActor(tenantId, ['devices:wipe', 'devices:read'], maker.personId)
    const { id: requestId, state } = await requestWipe(key, inputFor(device))
    expect(state).toBe('awaiting_approval')
    const { approve } = decisions['device.wipe']
    await expect(approve(key, { requestId })).rejects.toMatchObject({ code: 'person_required' })
    const grant = async (person: PersonActor) => ({
      stepUpGrantId: await makeGrant(person, approve.requestHash({ requestId })),
    })
    await expect(approve(maker, { requestId }, await grant(maker))).rejects.toMatchObject({
      code: 'other_person_required',
    })
    expect((await listRequests(maker, {})).items).toMatchObject([{ id: requestId, own: true }])
    await approve(owner, { requestId }, await grant(owner))
    const wipe = await getWipe(owner, { wipeId: requestId })
    expect(wipe).toMatchObject({
      state: 'delayed',
      approvals: [{ by: { id: owner.personId, name: 'Noor' }, decision: 'approve' }],
      requestedBy: { kind: 'api_key' },
    })
    expect(await carryOut(tenantId, requestId)).toBe('carried out')
  })

  test('cancel all stops everything open at once; a key with the scope may', async () => {
    const { tenantId, owner } = await founderWithDevice()
    const devices = [await enrollTestDevice(owner), await enrollTestDevice(owner)]
    for (const device of devices) await ask(owner, device)
    const key = makeApiKeyActor(tenantId, ['devices:wipe'])
    expect(await cancelAllRequests(key, {})).toEqual({ cancelled: 2 })
    expect((await listWipes(owner, {})).items.map(({ state }) => state)).toEqual(['cancelled', 'cancelled'])
    // A key stops any erase, but does not undo the block that a person's request was.
    for (const { answer } of devices)
      expect(await getDevice(owner, { deviceId: answer.deviceId })).toMatchObject({ status: 'blocked' })
  })

  test('what a key asked for and takes back is as it was', async () => {
    const { tenantId, owner, device } = await founderWithDevice()
    const key = makeApiKeyActor(tenantId, ['devices:wipe'])
    const { id: requestId } = await requestWipe(key, inputFor(device))
    await decisions['device.wipe'].cancel(key, { requestId })
    const { deviceId } = device.answer
    expect(await getDevice(owner, { deviceId })).toMatchObject({ status: 'active', vault: 'ready' })
  })

  test('another tenant’s request is not found; a member sees and decides none', async () => {
    const { tenantId, owner, device } = await founderWithDevice()
    const { id: requestId } = await ask(owner, device)
    const stranger = await founderWithDevice()
    await expect(decisions['device.wipe'].cancel(stranger.owner, { requestId })).rejects.toMatchObject({
      code: 'not_found',
    })
    const member = await makePerson(tenantId, { role: 'member' })
    await expect(decisions['device.wipe'].cancel(member, { requestId })).rejects.toMatchObject({ code: 'forbidden' })
    expect((await listRequests(member, {})).items).toEqual([])
  })
})

describe('acceptReceipt', () => {
  test('refuses what this device did not sign for this order, and records it', async () => {
    const { tenantId, owner, device } = await founderWithDevice()
    const { id } = await ask(owner, device)
    await carryOut(tenantId, id)
    const command = await order(device)
    const other = await enrollTestDevice(owner)
    const forged = await signReceipt(
      {
        commandId: command.id,
        deviceId: device.actor.deviceId,
        nonce: command.nonce,
        result: 'erased',
        erased: { files: 0, bytes: 0 },
        at: now().toISOString(),
      },
      await importSignKey(other.sign.privateJwk),
      other.thumbprint,
    )
    const commandId = command.id
    await expect(acceptReceipt(device.actor, { commandId, jws: forged })).rejects.toMatchObject({
      code: 'forbidden',
      extra: { receipt: 'bad_signature' },
    })
    const wrongNonce = await receiptFor(device, { ...command, nonce: 'A'.repeat(22) })
    await expect(acceptReceipt(device.actor, { commandId, jws: wrongNonce })).rejects.toMatchObject({
      code: 'forbidden',
    })
    await expect(acceptReceipt(device.actor, { commandId, jws: 'x' })).rejects.toMatchObject({ code: 'invalid' })
    const locked = await receiptFor(device, command, { result: 'locked' })
    await expect(acceptReceipt(device.actor, { commandId, jws: locked })).rejects.toMatchObject({ code: 'invalid' })
    await expect(acceptReceipt(other.actor, { commandId, jws: forged })).rejects.toMatchObject({ code: 'not_found' })
    await expect(acceptReceipt(device.actor, { commandId: 'nope', jws: forged })).rejects.toMatchObject({
      code: 'not_found',
    })
    expect(await getWipe(owner, { wipeId: id })).toMatchObject({ state: 'queued' })
    const denied = (await readLog(database, tenantId)).filter(
      ({ entry }) => entry.action === 'device.command.receipt' && entry.outcome === 'denied',
    )
    expect(denied).toHaveLength(2)
  })

  test('of two different receipts at once, one closes the order', async () => {
    const { tenantId, owner, device } = await founderWithDevice()
    const { id } = await ask(owner, device)
    await carryOut(tenantId, id)
    const command = await order(device)
    const receipts = [
      await receiptFor(device, command),
      await receiptFor(device, command, { erased: { files: 9, bytes: 9 } }),
    ]
    const outcomes = await Promise.allSettled(
      receipts.map((jws) => acceptReceipt(device.actor, { commandId: command.id, jws })),
    )
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect((await getWipe(owner, { wipeId: id })).timeline.filter(({ state }) => state === 'erased')).toHaveLength(1)
  })
})
