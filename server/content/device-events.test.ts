import { expect, test } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import { ingestDeviceEvents } from '#server/devices/commands.ts'
import { now } from '#server/kernel/clock.ts'
import { enrollTestDevice } from '#test/device.ts'
import { makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { publishFile } from './commands.ts'

const database = useDatabase()

test('what a file is called is the server’s to say: the device states its id alone', async () => {
  const owner = await makePerson(await makeTenant(), { role: 'owner', founder: true })
  const device = await enrollTestDevice(owner)
  const content = new TextEncoder().encode('The plan')
  const { id } = await publishFile(owner, { name: 'Merger plan.txt', audience: 'everyone', content })
  const stated = { id: uuidv7(), at: now().toISOString(), action: 'file.view', outcome: 'allowed' }
  const targets = [{ id }, { id: uuidv7(), name: 'Theirs' }, { id: 'not an id' }]
  const lines = targets.map((target, n) =>
    JSON.stringify({ ...stated, id: uuidv7(), seq: n + 1, target: { type: 'file', ...target } }),
  )
  await ingestDeviceEvents(device.actor, lines)
  const names = (await readLog(database, owner.tenantId)).slice(-3).map(({ personal }) => personal.targetName)
  expect(names).toEqual(['Merger plan.txt', 'Theirs', undefined])
})
