import { expect, it } from 'vitest'
import { systemActor } from '#server/kernel/actor.ts'
import { now } from '#server/kernel/clock.ts'
import { unsafeWriteTransaction } from '#server/kernel/db.ts'
import { enrollTestDevice } from '#test/device.ts'
import { makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { waitingCommands } from './deliver.ts'
import { deviceJobs } from './jobs.ts'

const db = useDatabase()

async function setPresence(tenantId: string, deviceId: string, onlineUntil: Date, policyVersion: number) {
  await unsafeWriteTransaction(tenantId, ({ tx }) =>
    tx.devicePresence.upsert({
      where: { tenantId_deviceId: { tenantId, deviceId } },
      create: { tenantId, deviceId, lastSeenAt: now(), onlineUntil, policyVersion },
      update: { onlineUntil, policyVersion },
      select: { deviceId: true },
    }),
  )
}

it('tells connected devices that are behind, once, and leaves the others alone', async () => {
  const tenantId = await makeTenant()
  const person = await makePerson(tenantId, { role: 'owner' })
  const [behind, current, away] = [
    await enrollTestDevice(person),
    await enrollTestDevice(person),
    await enrollTestDevice(person),
  ]
  const soon = new Date(now().getTime() + 60_000)
  await setPresence(tenantId, behind.actor.deviceId, soon, 1)
  await setPresence(tenantId, current.actor.deviceId, soon, 2)
  await setPresence(tenantId, away.actor.deviceId, new Date(0), 1)
  for (const _ of [1, 2]) await deviceJobs['device.refresh_policy']({ tenantId, version: 2 })
  const waiting = async ({ actor }: typeof behind) => (await waitingCommands(actor)).map(({ type }) => type)
  expect(await waiting(behind)).toEqual(['refresh-policy'])
  expect(await waiting(current)).toEqual([])
  expect(await waiting(away)).toEqual([])
  const last = (await readLog(db, tenantId)).at(-1)
  expect(last?.entry).toMatchObject({
    action: 'device.command.issue',
    outcome: 'allowed',
    actor: { kind: systemActor(tenantId, '').kind },
  })
  expect(last?.personal.detail).toEqual({ type: 'refresh-policy', version: '2', devices: '1' })
})
