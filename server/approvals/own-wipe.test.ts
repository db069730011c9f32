import { expect, test } from 'vitest'
import { requestWipe } from '#server/devices/commands.ts'
import { getDevice } from '#server/devices/queries.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { enrollTestDevice } from '#test/device.ts'
import { makeGrant, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { cancelOwnWipe } from './commands.ts'

const database = useDatabase()

async function setUp() {
  const tenantId = await makeTenant()
  const admin = await makePerson(tenantId, { role: 'owner', founder: true })
  const member = await makePerson(tenantId, { role: 'member' })
  const { deviceId } = (await enrollTestDevice(member)).answer
  const input = { deviceId, scope: 'organisation-data' as const, reason: 'lost' }
  return { tenantId, admin, member, deviceId, input }
}

async function cancel(person: PersonActor, requestId: string) {
  const stepUpGrantId = await makeGrant(person, cancelOwnWipe.requestHash({ requestId }))
  return cancelOwnWipe(person, { requestId }, { stepUpGrantId })
}

test('who asked for the erase takes it back with a fresh factor: a session on the lost device itself does not', async () => {
  const { tenantId, admin, member, deviceId, input } = await setUp()
  const stepUpGrantId = await makeGrant(member, requestWipe.own.requestHash(input))
  const { id: requestId } = await requestWipe.own(member, input, { stepUpGrantId })
  await expect(cancelOwnWipe(member, { requestId })).rejects.toMatchObject({ code: 'step_up_required' })
  expect(await getDevice(admin, { deviceId })).toMatchObject({ status: 'blocked' })
  await cancel(member, requestId)
  expect(await getDevice(admin, { deviceId })).toMatchObject({ status: 'active' })
  const entries = (await readLog(database, tenantId)).map(({ entry }) => entry)
  expect(entries.at(-1)).toMatchObject({ action: 'device.wipe.cancel', actor: { id: member.personId } })
  await expect(cancel(member, requestId)).rejects.toMatchObject({ code: 'conflict' })
})

test('somebody else’s request, and one about somebody else’s device, is not found', async () => {
  const { admin, member, deviceId, input } = await setUp()
  const stepUpGrantId = await makeGrant(admin, requestWipe.requestHash(input))
  const { id: requestId } = await requestWipe(admin, input, { stepUpGrantId })
  for (const person of [admin, member])
    await expect(cancel(person, requestId)).rejects.toMatchObject({ code: 'not_found' })
  expect(await getDevice(admin, { deviceId })).toMatchObject({ status: 'blocked' })
})
