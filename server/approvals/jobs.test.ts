import { expect, test } from 'vitest'
import { requestWipe } from '#server/devices/commands.ts'
import { getWipe } from '#server/devices/queries.ts'
import { testingOnlyAdvanceClock } from '#server/kernel/clock.ts'
import { enrollTestDevice } from '#test/device.ts'
import { makeApiKeyActor, makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { approvalJobs } from './jobs.ts'

const database = useDatabase()

async function waitingWipe() {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true })
  const { answer } = await enrollTestDevice(owner)
  const input = { deviceId: answer.deviceId, scope: 'organisation-data' as const, reason: 'lost' }
  const { id } = await requestWipe(makeApiKeyActor(tenantId, ['devices:wipe']), input)
  return { owner, id, state: async () => (await getWipe(owner, { wipeId: id })).state }
}

test('the sweep ends what nobody decided, also behind a request that somebody altered in the database', async () => {
  const [altered, behind] = [await waitingWipe(), await waitingWipe()]
  const client = await database.superuser.connect()
  await client.query(`BEGIN; SET LOCAL session_replication_role = 'replica'`)
  await client.query(`UPDATE brake_request SET input = '\\x00' WHERE id = $1`, [altered.id])
  await client.query('COMMIT')
  client.release()
  testingOnlyAdvanceClock(8 * 86_400_000)
  await expect(approvalJobs['brake.sweep']()).rejects.toThrow('1 requests could not be swept')
  expect(await behind.state()).toBe('expired')
  expect(await altered.state()).toBe('awaiting_approval')
})
