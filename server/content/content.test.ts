import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import { defaultPolicy, type PolicyDocument } from '#protocol/policy/document.ts'
import { type DeviceActor, type PersonActor, systemActor } from '#server/kernel/actor.ts'
import { cancelOpenRequest, releaseDelayedRequest } from '#server/kernel/brake-decisions.ts'
import { testingOnlyAdvanceClock } from '#server/kernel/clock.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { publishTighterPolicy, saveDraft } from '#server/policies/commands.ts'
import { makeApiKeyActor, makeGrant, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { withoutWalls } from '#test/without-walls.ts'
import { deleteFile, publishFile, releaseFile, updateFileAudience } from './commands.ts'
import { getFile, listDeviceFiles, listFiles } from './queries.ts'
import { MAX_FILE_BYTES } from './schema.ts'

const db = useDatabase()
const text = (content: string) => new TextEncoder().encode(content)

async function makeOffice() {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true, name: 'Mei' })
  const lena = await makePerson(tenantId, { role: 'member', name: 'Lena' })
  return { tenantId, owner, lena, phone: await makeDevice(lena) }
}

async function makeDevice({ tenantId, personId, name }: PersonActor, status = 'active'): Promise<DeviceActor> {
  const [deviceId, enrollmentId] = [uuidv7(), uuidv7()]
  await runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'device' }, async ({ tx }) => {
    const facts = { name: 'Phone', platform: 'ios', osVersion: '18', appVersion: '1.0.0' }
    await tx.device.create({
      data: { tenantId, id: deviceId, ...facts, personId, status, enrollmentId },
      select: { id: true },
    })
    await tx.enrollment.create({
      data: {
        tenantId,
        id: enrollmentId,
        deviceId,
        signJwk: {},
        sealJwk: {},
        signThumbprint: deviceId,
        tokenHash: new Uint8Array(32),
      },
      select: { id: true },
    })
    return { result: null, audit: { action: 'device.enroll' } }
  })
  return {
    kind: 'device',
    tenantId,
    deviceId,
    enrollmentId,
    deviceName: 'Phone',
    personId,
    personName: name,
    address: '10.0.0.1',
  }
}

async function setPolicy(actor: PersonActor, change: (policy: PolicyDocument) => void) {
  const document = defaultPolicy()
  change(document)
  await saveDraft(actor, { policyId: actor.tenantId, document })
  return publishTighterPolicy(actor, { policyId: actor.tenantId })
}

const plan = (audience: 'everyone' | string[], content: Uint8Array = text('The plan')) => ({
  name: 'Plan.txt',
  mediaType: 'text/plain',
  labels: ['Internal'],
  audience,
  content,
})

async function lastEntry(tenantId: string) {
  const last = (await readLog(db, tenantId)).at(-1)
  if (!last) throw new Error('the log is empty')
  return last
}

describe('publishFile', () => {
  it('works, and the entry is exact', async () => {
    const { tenantId, owner, lena } = await makeOffice()
    const file = await publishFile(owner, plan([lena.email.toUpperCase()]))
    expect(file).toMatchObject({
      name: 'Plan.txt',
      sizeBytes: 8,
      labels: ['internal'],
      audience: { everyone: false, people: 1 },
      publishedBy: { name: 'Mei' },
    })
    const { entry, personal } = await lastEntry(tenantId)
    expect(entry).toMatchObject({
      action: 'file.publish',
      outcome: 'allowed',
      target: { type: 'file', id: file.id },
      labels: ['internal'],
    })
    expect(personal).toMatchObject({
      targetName: 'Plan.txt',
      detail: { mediaType: 'text/plain', sizeBytes: '8', audience: ['Lena'] },
    })
  })

  it('is refused to compliance, and to a key without the scope', async () => {
    const { tenantId } = await makeOffice()
    const reader = await makePerson(tenantId, { role: 'compliance' })
    await expect(publishFile(reader, plan('everyone'))).rejects.toMatchObject({ code: 'forbidden' })
    await expect(publishFile(makeApiKeyActor(tenantId, ['content:read']), plan('everyone'))).rejects.toMatchObject({
      code: 'forbidden',
    })
  })

  it.each<[string, Record<string, unknown>]>([
    ['name', { name: '../etc/passwd' }],
    ['name', { name: 'a\u0000b' }],
    ['name', { name: '' }],
    ['mediaType', { mediaType: 'nonsense' }],
    ['labels.0', { labels: ['two words'] }],
    ['audience', { audience: [] }],
    ['audience', { audience: ['not an address'] }],
    ['audience', { audience: ['nobody@example.org'] }],
    ['audience', { audience: [uuidv7()] }],
    ['content', { content: 'text' }],
    ['content', { content: new Uint8Array() }],
    ['name', { name: 'invoice\u202efdp.exe' }],
    ['name', { name: 'a\u2066b' }],
    ['name', { name: 'a\\b' }],
    ['name', { name: 'report.pdf.' }],
    ['name', { name: '..' }],
    ['uploadId', { content: undefined }],
    ['uploadId', { uploadId: uuidv7() }],
    ['uploadId', { content: undefined, uploadId: 'x' }],
    ['content', { content: new Uint8Array(MAX_FILE_BYTES + 1) }],
  ])('names %s when it is invalid', async (field, wrong) => {
    const { tenantId, owner } = await makeOffice()
    const before = (await readLog(db, tenantId)).length
    const attempt = publishFile(owner, { ...plan('everyone'), ...wrong } as Parameters<typeof publishFile>[1])
    await expect(attempt).rejects.toMatchObject({
      code: 'invalid',
      fields: expect.toSatisfy((fields: object) => Object.keys(fields).some((name) => name.startsWith(field))),
    })
    expect(await readLog(db, tenantId)).toHaveLength(before)
  })

  it('does not take people of another organisation', async () => {
    const [{ owner }, other] = [await makeOffice(), await makeOffice()]
    await expect(publishFile(owner, plan([other.lena.personId]))).rejects.toMatchObject({ code: 'invalid' })
  })

  it('repeated with one key makes one file, and another content with it is refused', async () => {
    const { owner } = await makeOffice()
    const options = { idempotencyKey: 'once' }
    const [first, again] = [
      await publishFile(owner, plan('everyone'), options),
      await publishFile(owner, plan('everyone'), options),
    ]
    expect(again.id).toBe(first.id)
    await expect(publishFile(owner, plan('everyone', text('other')), options)).rejects.toMatchObject({
      code: 'idempotency_conflict',
    })
  })
})

describe('releaseFile', () => {
  it('hands out what was published, in several chunks, with its entry and holder', async () => {
    const { tenantId, owner, lena, phone } = await makeOffice()
    const content = new Uint8Array(randomBytes(2_500_000))
    const file = await publishFile(owner, plan([lena.personId], content))
    const released = await releaseFile(phone, { fileId: file.id })
    expect(Buffer.from(released.content).equals(content)).toBe(true)
    const { entry, personal } = await lastEntry(tenantId)
    expect(entry).toMatchObject({
      action: 'file.release',
      outcome: 'allowed',
      actor: { kind: 'device', id: phone.deviceId },
      device: { id: phone.deviceId },
      target: { type: 'file', id: file.id },
      labels: ['internal'],
      policy: { id: tenantId, version: 1, rule: 'data.view' },
    })
    expect(personal.detail).toEqual({ purpose: 'view', sizeBytes: '2500000' })
    await releaseFile(phone, { fileId: file.id })
    expect(await getFile(owner, { fileId: file.id })).toMatchObject({
      holderCount: 1,
      holders: [{ device: { id: phone.deviceId }, person: { name: 'Lena' }, times: 2 }],
    })
  })

  it.each([1, 1024 * 1024, 1024 * 1024 + 1])('keeps %i bytes as they are', async (size) => {
    const { owner, phone } = await makeOffice()
    const content = new Uint8Array(randomBytes(size))
    const { id } = await publishFile(owner, plan('everyone', content))
    expect(Buffer.from((await releaseFile(phone, { fileId: id })).content).equals(content)).toBe(true)
  })

  it('answers a file of somebody else like none, and records the attempt', async () => {
    const { tenantId, owner, phone } = await makeOffice()
    const { id } = await publishFile(owner, plan([owner.personId]))
    await expect(releaseFile(phone, { fileId: id })).rejects.toMatchObject({ code: 'not_found' })
    const { entry, personal } = await lastEntry(tenantId)
    expect(entry).toMatchObject({
      action: 'file.release',
      outcome: 'denied',
      device: { id: phone.deviceId },
      target: { id },
    })
    expect(personal.detail).toMatchObject({ problem: 'not_in_audience' })
    await expect(releaseFile(phone, { fileId: uuidv7() })).rejects.toMatchObject({ code: 'not_found' })
  })

  it('of another organisation is not found', async () => {
    const [{ phone }, other] = [await makeOffice(), await makeOffice()]
    const { id } = await publishFile(other.owner, plan('everyone'))
    await expect(releaseFile(phone, { fileId: id })).rejects.toMatchObject({ code: 'not_found' })
  })

  it.each([
    ['pending', 'device_pending'],
    ['blocked', 'device_revoked'],
    ['wiping', 'device_revoked'],
    ['retired', 'device_revoked'],
  ])('is refused to a %s device', async (status, code) => {
    const { tenantId, owner, lena } = await makeOffice()
    const { id } = await publishFile(owner, plan('everyone'))
    const device = await makeDevice(lena, status)
    await expect(releaseFile(device, { fileId: id })).rejects.toMatchObject({ code })
    await expect(listDeviceFiles(device, {})).rejects.toMatchObject({ code })
    expect((await lastEntry(tenantId)).entry).toMatchObject({
      action: 'file.release',
      outcome: 'denied',
      device: { id: device.deviceId },
    })
  })

  it('is refused to an enrolment that was replaced, and to a person', async () => {
    const { owner, phone } = await makeOffice()
    const { id } = await publishFile(owner, plan('everyone'))
    await expect(releaseFile({ ...phone, enrollmentId: uuidv7() }, { fileId: id })).rejects.toMatchObject({
      code: 'device_revoked',
    })
    await expect(releaseFile(owner, { fileId: id })).rejects.toMatchObject({ code: 'forbidden' })
  })

  it('obeys the policy: a blocked download, and an app that is too old', async () => {
    const { tenantId, owner, phone } = await makeOffice()
    const { id } = await publishFile(owner, plan('everyone'))
    await releaseFile(phone, { fileId: id, purpose: 'download' })
    await setPolicy(owner, (policy) => Object.assign(policy.data.download, { mode: 'block' }))
    await expect(releaseFile(phone, { fileId: id, purpose: 'download' })).rejects.toMatchObject({
      code: 'policy_forbids',
    })
    expect((await lastEntry(tenantId)).entry).toMatchObject({
      outcome: 'denied',
      policy: { version: 2, rule: 'data.download' },
    })
    await releaseFile(phone, { fileId: id })
    await setPolicy(owner, (policy) => {
      Object.assign(policy.data.download, { mode: 'block' })
      Object.assign(policy.devices, { minAppVersion: { ios: '2.0' } })
    })
    await expect(releaseFile(phone, { fileId: id })).rejects.toMatchObject({ code: 'app_version_too_old' })
  })

  it('does not open a chunk that was moved, nor a key of another file', async () => {
    const { tenantId, owner, phone } = await makeOffice()
    const [one, two] = [
      await publishFile(owner, plan('everyone', text('one!'))),
      await publishFile(owner, plan('everyone', text('two!'))),
    ]
    const entries = (await readLog(db, tenantId)).length
    await withoutWalls(
      db,
      'UPDATE file_chunk a SET bytes = b.bytes FROM file_chunk b WHERE a.content_id = $1 AND b.content_id = $2',
      [one.id, two.id],
    )
    await expect(releaseFile(phone, { fileId: one.id })).rejects.toMatchObject({ code: 'content_damaged' })
    await withoutWalls(db, 'UPDATE file a SET file_key = b.file_key FROM file b WHERE a.id = $1 AND b.id = $2', [
      one.id,
      two.id,
    ])
    await expect(releaseFile(phone, { fileId: one.id })).rejects.toMatchObject({ code: 'content_damaged' })
    const log = await readLog(db, tenantId)
    expect(log.slice(entries).map(({ entry }) => `${entry.action} ${entry.outcome}`)).toEqual([
      'file.release failed',
      'file.integrity failed',
      'file.release failed',
    ])
  })

  it('notices swapped and missing chunks of one file', async () => {
    const { owner, phone } = await makeOffice()
    const { id } = await publishFile(owner, plan('everyone', new Uint8Array(randomBytes(2 * 1024 * 1024 + 5))))
    await withoutWalls(db, 'UPDATE file_chunk SET number = 1 - number + 100 WHERE content_id = $1 AND number < 2', [id])
    await withoutWalls(db, 'UPDATE file_chunk SET number = number - 100 WHERE content_id = $1 AND number > 90', [id])
    await expect(releaseFile(phone, { fileId: id })).rejects.toMatchObject({ code: 'content_damaged' })
    await withoutWalls(db, 'DELETE FROM file_chunk WHERE content_id = $1 AND number = 0', [id])
    await expect(releaseFile(phone, { fileId: id })).rejects.toMatchObject({ code: 'content_damaged' })
  })
})

describe('listDeviceFiles', () => {
  it('gives what the person may have, in pages, and nothing else', async () => {
    const { owner, lena, phone } = await makeOffice()
    const names = async (limit: number) => {
      const seen: string[] = []
      for (let cursor: string | undefined; ; ) {
        const page = await listDeviceFiles(phone, { limit, cursor })
        seen.push(...page.items.map(({ name }) => name))
        if (!page.nextCursor) return seen
        cursor = page.nextCursor
      }
    }
    for (const [name, audience] of [
      ['a', 'everyone'],
      ['b', [owner.personId]],
      ['c', [lena.personId, owner.email]],
      ['d', 'everyone'],
    ] as const) {
      await publishFile(owner, { ...plan(audience as 'everyone'), name })
    }
    expect(await names(1)).toEqual(['d', 'c', 'a'])
    expect(await names(200)).toEqual(['d', 'c', 'a'])
  })
})

describe('listFiles', () => {
  it('filters and sorts in pages; a foreign cursor is invalid', async () => {
    const { owner, lena } = await makeOffice()
    for (const name of ['Beta', 'alpha', 'Gamma'])
      await publishFile(owner, { ...plan(name === 'Gamma' ? 'everyone' : [owner.personId]), name, labels: [name] })
    const first = await listFiles(owner, { sort: 'name', limit: 2 })
    expect(first.items.map(({ name }) => name)).toEqual(['alpha', 'Beta'])
    const rest = await listFiles(owner, { sort: 'name', limit: 2, cursor: first.nextCursor ?? '' })
    expect(rest).toMatchObject({ items: [{ name: 'Gamma' }], nextCursor: null, total: { value: 3, capped: false } })
    expect((await listFiles(owner, { q: 'ALPH' })).items.map(({ name }) => name)).toEqual(['alpha'])
    expect((await listFiles(owner, { label: 'beta' })).items.map(({ name }) => name)).toEqual(['Beta'])
    expect((await listFiles(owner, { person: lena.personId })).items.map(({ name }) => name)).toEqual(['Gamma'])
    for (const cursor of ['x', first.nextCursor ?? ''])
      await expect(listFiles(owner, { sort: 'created', cursor })).rejects.toMatchObject({ code: 'invalid' })
  })
})

describe('a cursor', () => {
  it.each<['created' | 'name', unknown]>([
    ['created', ['0000-01-01T00:00:00.000Z', uuidv7()]],
    ['created', ['2026-02-30T00:00:00.000Z', uuidv7()]],
    ['created', ['2026-02-20T00:00:00.000Z', 'x']],
    ['name', ['a\u0000', uuidv7()]],
    ['name', ['\ud800', uuidv7()]],
    ['name', [1, uuidv7()]],
    ['name', null],
  ])('that is not ours is invalid: %s %j', async (sort, value) => {
    const { owner } = await makeOffice()
    const cursor = Buffer.from(JSON.stringify(value)).toString('base64url')
    await expect(listFiles(owner, { sort, cursor })).rejects.toMatchObject({
      code: 'invalid',
      fields: { cursor: expect.any(String) },
    })
  })
})

describe('updateFileAudience', () => {
  it('works: who is taken out gets it no more; the entry says before and after', async () => {
    const { tenantId, owner, lena, phone } = await makeOffice()
    const { id } = await publishFile(owner, plan([lena.personId]))
    await updateFileAudience(owner, { fileId: id, audience: [owner.personId] })
    await expect(releaseFile(phone, { fileId: id })).rejects.toMatchObject({ code: 'not_found' })
    const update = (await readLog(db, tenantId)).find(({ entry }) => entry.action === 'file.update')
    expect(update?.personal.detail).toEqual({ audience: { before: ['Lena'], after: ['Mei'] } })
  })

  it('of another organisation is not found', async () => {
    const [{ owner }, other] = [await makeOffice(), await makeOffice()]
    const { id } = await publishFile(other.owner, plan('everyone'))
    await expect(updateFileAudience(owner, { fileId: id, audience: 'everyone' })).rejects.toMatchObject({
      code: 'not_found',
    })
    await expect(getFile(owner, { fileId: id })).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('deleteFile', () => {
  const request = async (actor: PersonActor, fileId: string) => {
    const input = { fileId, reason: 'obsolete' }
    return deleteFile(actor, input, { stepUpGrantId: await makeGrant(actor, deleteFile.requestHash(input)) })
  }

  it('is handed out no more from the request on; after the undo window key and content are gone', async () => {
    const { tenantId, owner, phone } = await makeOffice()
    const { id } = await publishFile(owner, plan('everyone'))
    const { requestId, state } = await request(owner, id)
    expect(state).toBe('delayed')
    await expect(releaseFile(phone, { fileId: id })).rejects.toMatchObject({ code: 'not_found' })
    expect(await getFile(owner, { fileId: id })).toMatchObject({
      status: 'deleting',
      deletion: { requestId, requestedBy: 'Mei' },
    })
    expect(await releaseDelayedRequest(tenantId, requestId)).toBe('not due')
    testingOnlyAdvanceClock(31_000)
    expect(await releaseDelayedRequest(tenantId, requestId)).toBe('carried out')
    expect(await releaseDelayedRequest(tenantId, requestId)).toBe('closed')
    const { rows } = await db.superuser.query(
      'SELECT (SELECT count(*)::int FROM file_chunk WHERE content_id = $1) AS chunks, file_key FROM file WHERE id = $1',
      [id],
    )
    expect(rows).toEqual([{ chunks: 0, file_key: null }])
    expect(await getFile(owner, { fileId: id })).toMatchObject({ status: 'deleted', deletion: null })
    const { entry, personal } = await lastEntry(tenantId)
    expect(entry).toMatchObject({ action: 'file.delete', outcome: 'allowed', target: { id }, correlationId: requestId })
    expect(personal).toMatchObject({
      reason: 'obsolete',
      targetName: 'Plan.txt',
      detail: { keyDestroyed: 'true', requester: 'Mei' },
    })
  })

  it('taken back, it is there again', async () => {
    const { tenantId, owner, phone } = await makeOffice()
    const { id } = await publishFile(owner, plan('everyone'))
    const { requestId } = await request(owner, id)
    await runInTransaction({ actor: owner, name: 'cancel' }, (context) =>
      cancelOpenRequest({ ...context, input: { requestId } }),
    )
    expect((await releaseFile(phone, { fileId: id })).name).toBe('Plan.txt')
    testingOnlyAdvanceClock(31_000)
    expect(await releaseDelayedRequest(tenantId, requestId)).toBe('closed')
    expect((await getFile(owner, { fileId: id })).status).toBe('published')
  })

  it('asked by a key waits for a person', async () => {
    const { tenantId, owner } = await makeOffice()
    const { id } = await publishFile(owner, plan('everyone'))
    const key = makeApiKeyActor(tenantId, ['content:write'], owner.personId)
    expect(await deleteFile(key, { fileId: id, reason: 'retention' })).toMatchObject({ state: 'awaiting_approval' })
  })

  it('needs a second factor, a reason, and a file of the own organisation that is still there', async () => {
    const [{ owner }, other] = [await makeOffice(), await makeOffice()]
    const { id } = await publishFile(owner, plan('everyone'))
    await expect(deleteFile(owner, { fileId: id, reason: 'x' })).rejects.toMatchObject({ code: 'step_up_required' })
    await expect(deleteFile(owner, { fileId: id, reason: ' ' })).rejects.toMatchObject({
      code: 'invalid',
      fields: { reason: 'is required' },
    })
    await expect(request(other.owner, id)).rejects.toMatchObject({ code: 'not_found' })
    await request(owner, id)
    await expect(request(owner, id)).rejects.toMatchObject({ code: 'conflict' })
  })

  it('of two at once makes one request', async () => {
    const { owner } = await makeOffice()
    const { id } = await publishFile(owner, plan('everyone'))
    const attempts = await Promise.allSettled([request(owner, id), request(owner, id)])
    expect(attempts.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  })
})
