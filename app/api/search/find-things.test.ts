import { describe, expect, it } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import { publishFile } from '#server/content/commands.ts'
import { enrollTestDevice } from '#test/device.ts'
import { makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { findThings } from './find-things.ts'

useDatabase()

async function makeOffice() {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true })
  const { actor: device } = await enrollTestDevice(owner, { facts: { name: 'Lost phone' } })
  const content = new TextEncoder().encode('The plan')
  const file = await publishFile(owner, { name: 'Phone list.txt', audience: 'everyone', content })
  return { tenantId, owner, deviceId: device.deviceId, fileId: file.id }
}

describe('findThings', () => {
  it('finds devices and files by part of a name, whatever its case, and says where they are', async () => {
    const { owner, deviceId, fileId } = await makeOffice()
    const found = await findThings(owner, ' PHONE ')
    expect(found.map(({ kind, href }) => ({ kind, href }))).toEqual([
      { kind: 'device', href: `/devices/${deviceId}` },
      { kind: 'file', href: `/files/${fileId}` },
    ])
  })

  it('finds people by address, and anything by its id', async () => {
    const { owner, deviceId, fileId } = await makeOffice()
    expect(await findThings(owner, owner.email)).toContainEqual(
      expect.objectContaining({ kind: 'person', id: owner.personId }),
    )
    for (const id of [owner.personId, deviceId, fileId])
      expect((await findThings(owner, id)).map((item) => item.id)).toEqual([id])
    expect(await findThings(owner, uuidv7())).toEqual([])
  })

  it('shows nothing to those without rights, and nothing of another organisation', async () => {
    const [office, other] = [await makeOffice(), await makeOffice()]
    const member = await makePerson(office.tenantId, { role: 'member' })
    expect(await findThings(member, 'phone')).toEqual([])
    expect(await findThings(other.owner, office.deviceId)).toEqual([])
  })

  it('answers nothing to nothing, and names q when it cannot be searched', async () => {
    const { owner } = await makeOffice()
    expect(await findThings(owner, '  ')).toEqual([])
    for (const q of ['\u0000', '\ud800', 'x'.repeat(101)])
      await expect(findThings(owner, q)).rejects.toMatchObject({ code: 'invalid', fields: { q: expect.any(String) } })
  })
})
