import { describe, expect, it } from 'vitest'
import type { PersonActor } from '#server/kernel/actor.ts'
import { testingOnlyAdvanceClock } from '#server/kernel/clock.ts'
import { enrollTestDevice, PHONE } from '#test/device.ts'
import { makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { reportClone } from './clone.ts'
import { blockDevice } from './commands.ts'
import { deviceOverview, listDevices } from './queries.ts'

useDatabase()

async function makeOwner(): Promise<PersonActor> {
  return makePerson(await makeTenant(), { role: 'owner', founder: true })
}

describe('deviceOverview', () => {
  it('is all noughts before the first device', async () => {
    const nothing = { known: 0, inService: 0, silent: 0, missingEvents: 0, pending: 0, clones: [], groups: [] }
    expect(await deviceOverview(await makeOwner(), {})).toEqual(nothing)
  })

  it('counts devices in service by platform, version and policy, and finds copied ones', async () => {
    const owner = await makeOwner()
    await enrollTestDevice(owner)
    await enrollTestDevice(owner, { facts: { appVersion: '1.3.0' } })
    const copied = await enrollTestDevice(owner, { facts: { name: 'Copied' } })
    await reportClone(copied.actor, '7')
    expect(await deviceOverview(owner, {})).toMatchObject({
      known: 3,
      inService: 2,
      clones: [{ id: copied.actor.deviceId, name: 'Copied' }],
      groups: expect.arrayContaining([
        { platform: PHONE.platform, appVersion: '1.3.0', policyVersion: 0, count: 1 },
        { platform: PHONE.platform, appVersion: '1.4.0', policyVersion: 0, count: 1 },
      ]),
    })
  })

  it('does not take a device blocked by a person for a copied one', async () => {
    const owner = await makeOwner()
    const { actor } = await enrollTestDevice(owner)
    await blockDevice(owner, { deviceId: actor.deviceId })
    expect((await deviceOverview(owner, {})).clones).toEqual([])
  })

  it('calls a device silent after seven days, as the list does', async () => {
    const owner = await makeOwner()
    await enrollTestDevice(owner)
    expect((await deviceOverview(owner, {})).silent).toBe(0)
    testingOnlyAdvanceClock(8 * 86_400_000)
    expect((await deviceOverview(owner, {})).silent).toBe(1)
  })

  it('counts nothing of another organisation', async () => {
    const [owner, other] = [await makeOwner(), await makeOwner()]
    await enrollTestDevice(owner)
    expect((await deviceOverview(other, {})).known).toBe(0)
  })
})

describe('the lists behind its figures', () => {
  it('are of one app version, or one policy version', async () => {
    const owner = await makeOwner()
    await enrollTestDevice(owner, { facts: { appVersion: '1.3.0' } })
    await enrollTestDevice(owner)
    const versions = async (input: { appVersion?: string; policyVersion?: number }) =>
      (await listDevices(owner, input)).items.map(({ appVersion }) => appVersion)
    expect(await versions({ appVersion: '1.3.0' })).toEqual(['1.3.0'])
    expect((await versions({ policyVersion: 0 })).sort()).toEqual(['1.3.0', '1.4.0'])
    expect(await versions({ policyVersion: 9 })).toEqual([])
  })
})
