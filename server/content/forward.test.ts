import { describe, expect, it } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import { defaultPolicy, type PolicyDocument } from '#protocol/policy/document.ts'
import { ingestDeviceEvents } from '#server/devices/commands.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { releaseDelayedRequest } from '#server/kernel/brake-decisions.ts'
import { now, testingOnlyAdvanceClock } from '#server/kernel/clock.ts'
import { publishTighterPolicy, saveDraft } from '#server/policies/commands.ts'
import { enrollTestDevice } from '#test/device.ts'
import { makeGrant, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { withoutWalls } from '#test/without-walls.ts'
import { deleteFile, forwardFile, publishFile, releaseFile, updateFileAudience } from './commands.ts'
import { getFile, getLineage, listDeviceFiles } from './queries.ts'

const db = useDatabase()

async function makeOffice() {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true, name: 'Mei' })
  const [lena, bo, kim] = [
    await makePerson(tenantId, { role: 'member', name: 'Lena' }),
    await makePerson(tenantId, { role: 'member', name: 'Bo' }),
    await makePerson(tenantId, { role: 'member', name: 'Kim' }),
  ]
  const device = async (person: PersonActor, platform: 'android' | 'browser' = 'android') =>
    (await enrollTestDevice(person, { facts: { platform } })).actor
  const content = new TextEncoder().encode('The plan')
  const file = await publishFile(owner, { name: 'Plan.txt', labels: ['internal'], audience: [lena.personId], content })
  return { tenantId, owner, lena, bo, kim, device, file, content }
}

async function setPolicy(actor: PersonActor, change: (forward: PolicyDocument['data']['forward']) => void) {
  const document = defaultPolicy()
  change(document.data.forward)
  await saveDraft(actor, { policyId: actor.tenantId, document })
  return publishTighterPolicy(actor, { policyId: actor.tenantId })
}

async function lastEntry(tenantId: string) {
  const last = (await readLog(db, tenantId)).at(-1)
  if (!last) throw new Error('the log is empty')
  return last
}

describe('forwardFile', () => {
  it('makes a copy of the recipient’s own, and the entry is exact', async () => {
    const { tenantId, lena, bo, device, file, content } = await makeOffice()
    const [mine, theirs] = [await device(lena), await device(bo)]
    const copy = await forwardFile(mine, { fileId: file.id, to: bo.email.toUpperCase(), reason: 'For review' })
    expect(copy).toMatchObject({ fileId: expect.any(String), name: 'Plan.txt', to: bo.email })
    const { entry, personal } = await lastEntry(tenantId)
    expect(entry).toMatchObject({
      action: 'file.forward',
      outcome: 'allowed',
      source: 'server',
      actor: { kind: 'person', id: lena.personId },
      device: { id: mine.deviceId },
      target: { type: 'file', id: file.id },
      labels: ['internal'],
      policy: { id: tenantId, version: 1, rule: 'data.forward' },
    })
    expect(personal).toMatchObject({ targetName: 'Plan.txt', reason: 'For review' })
    expect(personal.detail).toEqual({ to: bo.email, root: file.id, copy: copy.fileId })
    const { items } = await listDeviceFiles(theirs, {})
    expect(items).toMatchObject([{ id: copy.fileId, name: 'Plan.txt', labels: ['internal'], sharedBy: 'Lena' }])
    const released = await releaseFile(theirs, { fileId: copy.fileId ?? '' })
    expect(released.content).toEqual(content)
    // The original is as little theirs as before.
    await expect(releaseFile(theirs, { fileId: file.id })).rejects.toMatchObject({ code: 'not_found' })
  })

  it('has a key of its own over the same content: neither opens in the other’s place', async () => {
    const { owner, lena, bo, device, file } = await makeOffice()
    const copy = await forwardFile(await device(lena), { fileId: file.id, to: bo.email })
    const keys = await db.superuser.query<{ id: string; key: string; content: string }>(
      `SELECT id::text, encode(file_key, 'hex') AS key, content_id::text AS content FROM file WHERE root_id = $1 ORDER BY created_at, id`,
      [file.id],
    )
    expect(new Set(keys.rows.map(({ key }) => key)).size).toBe(2)
    expect(keys.rows.map(({ content }) => content)).toEqual([file.id, file.id])
    await withoutWalls(db, 'UPDATE file a SET file_key = b.file_key FROM file b WHERE a.id = $1 AND b.id = $2', [
      copy.fileId,
      file.id,
    ])
    const theirs = await device(bo)
    await expect(releaseFile(theirs, { fileId: copy.fileId ?? '' })).rejects.toMatchObject({ code: 'content_damaged' })
    await expect(forwardFile(theirs, { fileId: copy.fileId ?? '', to: owner.email })).rejects.toMatchObject({
      code: 'content_damaged',
    })
  })

  it('again to the same person is the same copy, and an entry of its own', async () => {
    const { tenantId, lena, bo, device, file } = await makeOffice()
    const mine = await device(lena)
    const first = await forwardFile(mine, { fileId: file.id, to: bo.email })
    expect(await forwardFile(mine, { fileId: file.id, to: bo.email })).toEqual(first)
    const entries = (await readLog(db, tenantId)).filter(({ entry }) => entry.action === 'file.forward')
    expect(entries).toHaveLength(2)
  })

  it('there and back and there again, or twice at once, makes no more copies', async () => {
    const { owner, lena, bo, device, file } = await makeOffice()
    const [lenas, bos] = [await device(lena), await device(bo)]
    const [first, second] = await Promise.all([
      forwardFile(lenas, { fileId: file.id, to: bo.email }),
      forwardFile(lenas, { fileId: file.id, to: bo.email }),
    ])
    expect(second).toEqual(first)
    const back = await forwardFile(bos, { fileId: first.fileId ?? '', to: lena.email })
    expect(back.fileId).not.toBe(first.fileId)
    const again = await forwardFile(lenas, { fileId: back.fileId ?? '', to: bo.email })
    expect(again.fileId).toBe(first.fileId)
    expect((await getLineage(owner, { fileId: file.id })).count).toBe(2)
  })

  it('keeps the lineage: who asks for the root finds what became of every copy', async () => {
    const { tenantId, owner, lena, bo, kim, device, file } = await makeOffice()
    const [lenas, bos, kims] = [await device(lena), await device(bo), await device(kim)]
    const first = (await forwardFile(lenas, { fileId: file.id, to: bo.email })).fileId ?? ''
    const second = (await forwardFile(bos, { fileId: first, to: kim.email })).fileId ?? ''
    await releaseFile(kims, { fileId: second })
    const view = { seq: 1, id: uuidv7(), at: now().toISOString(), action: 'screenshot.attempt', outcome: 'allowed' }
    await ingestDeviceEvents(kims, [JSON.stringify({ ...view, target: { type: 'file', id: second } })])
    for (const asked of [file.id, first, second]) {
      expect(await getLineage(owner, { fileId: asked })).toMatchObject({
        root: { id: file.id, name: 'Plan.txt' },
        count: 2,
        items: [
          { id: first, derivedFrom: file.id, forwardedBy: { name: 'Lena' }, to: [{ name: 'Bo' }] },
          { id: second, derivedFrom: first, forwardedBy: { name: 'Bo' }, to: [{ name: 'Kim' }] },
        ],
      })
    }
    const ofKim = (await readLog(db, tenantId)).filter(({ entry }) => entry.target?.id === second)
    expect(ofKim.map(({ entry }) => [entry.action, entry.correlationId])).toEqual([
      ['file.release', file.id],
      ['screenshot.attempt', file.id],
    ])
  })

  it.each<[string, Partial<PolicyDocument['data']['forward']>, string]>([
    ['blocks it', { mode: 'block' }, 'blocked'],
    ['keeps it to other domains', { mode: 'internal', internalDomains: ['elsewhere.example'] }, 'external_recipient'],
    ['asks for a reason', { askReason: true }, 'reason_required'],
  ])('is refused where the policy %s, with a denied entry', async (_what, change, reason) => {
    const { tenantId, owner, lena, bo, device, file } = await makeOffice()
    const mine = await device(lena)
    await setPolicy(owner, (forward) => Object.assign(forward, change))
    await expect(forwardFile(mine, { fileId: file.id, to: bo.email })).rejects.toMatchObject({
      code: 'policy_forbids',
      detail: expect.stringContaining('data.forward, version 2'),
      extra: { reason },
    })
    const { entry, personal } = await lastEntry(tenantId)
    expect(entry).toMatchObject({
      action: 'file.forward',
      outcome: 'denied',
      enforcement: 'prevented',
      policy: { version: 2, rule: 'data.forward' },
    })
    expect(personal.detail).toEqual({ to: bo.email, problem: reason })
    expect((await getLineage(owner, { fileId: file.id })).count).toBe(0)
    if (reason === 'reason_required')
      expect(await forwardFile(mine, { fileId: file.id, to: bo.email, reason: 'x' })).toMatchObject({ to: bo.email })
  })

  it('out of the organisation is the app’s to send: decided and logged, without a copy; a browser cannot', async () => {
    const { tenantId, owner, lena, device, file } = await makeOffice()
    const to = 'someone@elsewhere.example'
    expect(await forwardFile(await device(lena), { fileId: file.id, to })).toMatchObject({ fileId: null, to })
    expect((await lastEntry(tenantId)).personal.detail).toEqual({ to, root: file.id, outside: 'true' })
    const browser = await device(lena, 'browser')
    await expect(forwardFile(browser, { fileId: file.id, to })).rejects.toMatchObject({
      code: 'policy_forbids',
      extra: { reason: 'external_recipient' },
    })
    await setPolicy(owner, (forward) => Object.assign(forward, { mode: 'internal', internalDomains: ['example.org'] }))
    await expect(forwardFile(await device(lena), { fileId: file.id, to })).rejects.toMatchObject({
      extra: { reason: 'external_recipient' },
    })
    expect((await getLineage(owner, { fileId: file.id })).count).toBe(0)
  })

  it('does not help somebody who has not got the file, nor a person without a device', async () => {
    const { owner, bo, kim, device, file } = await makeOffice()
    await expect(forwardFile(await device(bo), { fileId: file.id, to: kim.email })).rejects.toMatchObject({
      code: 'not_found',
    })
    await expect(forwardFile(owner, { fileId: file.id, to: kim.email })).rejects.toMatchObject({ code: 'forbidden' })
  })

  it('of another organisation is not found, nor is its lineage', async () => {
    const [{ lena, bo, device }, other] = [await makeOffice(), await makeOffice()]
    const mine = await device(lena)
    await expect(forwardFile(mine, { fileId: other.file.id, to: bo.email })).rejects.toMatchObject({
      code: 'not_found',
    })
    await expect(getLineage(bo, { fileId: other.file.id })).rejects.toMatchObject({ code: 'forbidden' })
  })

  it.each([{ to: 'no address' }, { to: 'a@example.org', reason: '' }, { to: 'a@example.org', more: 1 }])(
    '%j is invalid',
    async (body) => {
      const { lena, device, file } = await makeOffice()
      const input = { fileId: file.id, ...body } as Parameters<typeof forwardFile>[1]
      await expect(forwardFile(await device(lena), input)).rejects.toMatchObject({ code: 'invalid' })
    },
  )

  it('to oneself is invalid', async () => {
    const { lena, device, file } = await makeOffice()
    const attempt = forwardFile(await device(lena), { fileId: file.id, to: lena.email })
    await expect(attempt).rejects.toMatchObject({ code: 'invalid', fields: { to: 'is you' } })
  })

  it('outlives the forwarder’s own access, but not the root', async () => {
    const { tenantId, owner, lena, bo, device, file } = await makeOffice()
    const [mine, theirs] = [await device(lena), await device(bo)]
    const copy = (await forwardFile(mine, { fileId: file.id, to: bo.email })).fileId ?? ''
    await updateFileAudience(owner, { fileId: file.id, audience: [owner.personId] })
    await releaseFile(theirs, { fileId: copy })
    const input = { fileId: file.id, reason: 'obsolete' }
    const grant = await makeGrant(owner, deleteFile.requestHash(input))
    const { requestId } = await deleteFile(owner, input, { stepUpGrantId: grant })
    await expect(releaseFile(theirs, { fileId: copy })).rejects.toMatchObject({ code: 'not_found' })
    testingOnlyAdvanceClock(31_000)
    expect(await releaseDelayedRequest(tenantId, requestId)).toBe('carried out')
    expect(await getFile(owner, { fileId: copy })).toMatchObject({ status: 'deleted' })
  })
})
