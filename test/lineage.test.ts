import { expect, it } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import { searchAudit } from '#server/audit/queries.ts'
import { forwardFile, publishFile, releaseFile } from '#server/content/commands.ts'
import { ingestDeviceEvents } from '#server/devices/commands.ts'
import { now } from '#server/kernel/clock.ts'
import { enrollTestDevice } from './device.ts'
import { makePerson, makeTenant, useDatabase } from './harness.ts'

useDatabase()

it('who searches the log for a file finds what was done with every copy of it', async () => {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true })
  const [lena, bo] = [await makePerson(tenantId, {}), await makePerson(tenantId, {})]
  const content = new TextEncoder().encode('The plan')
  const { id: root } = await publishFile(owner, { name: 'Plan.txt', audience: [lena.personId], content })
  const [lenas, bos] = [(await enrollTestDevice(lena)).actor, (await enrollTestDevice(bo)).actor]
  const copy = (await forwardFile(lenas, { fileId: root, to: bo.email })).fileId ?? ''
  await releaseFile(bos, { fileId: copy })
  const capture = { seq: 1, id: uuidv7(), at: now().toISOString(), action: 'screenshot.attempt', outcome: 'allowed' }
  await ingestDeviceEvents(bos, [JSON.stringify({ ...capture, target: { type: 'file', id: copy } })])
  const found = await searchAudit(owner, { q: `${root} -action:audit`, order: 'oldest' })
  expect(found.items.map(({ action, target }) => [action, target?.id])).toEqual([
    ['file.publish', root],
    ['file.forward', root],
    ['file.release', copy],
    ['screenshot.attempt', copy],
  ])
})
