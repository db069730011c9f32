import { createHash, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import type { Release } from '#protocol/device/messages.ts'
import { importContentKey, openReleaseChunk, RELEASE_CHUNK_BYTES } from '#protocol/device/release.ts'
import { defaultPolicy, type PolicyDocument } from '#protocol/policy/document.ts'
import { deviceCode, formatWatermarkTime } from '#protocol/policy/watermark.ts'
import { blockDevice } from '#server/devices/commands.ts'
import type { DeviceActor, PersonActor } from '#server/kernel/actor.ts'
import { testingOnlyAdvanceClock } from '#server/kernel/clock.ts'
import { publishTighterPolicy, saveDraft } from '#server/policies/commands.ts'
import { enrollTestDevice } from '#test/device.ts'
import { makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { withoutWalls } from '#test/without-walls.ts'
import { createRelease, forwardFile, publishFile, releaseFile, updateFileAudience } from './commands.ts'
import { inspectContent } from './inspect-content.ts'
import { getFile, getReleaseChunk, listDeviceFiles } from './queries.ts'

const db = useDatabase()

async function makeOffice() {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true, name: 'Mei' })
  const lena = await makePerson(tenantId, { role: 'member', name: 'Lena' })
  const { actor: browser } = await enrollTestDevice(lena, { facts: { platform: 'browser' } })
  const { actor: agent } = await enrollTestDevice(lena)
  return { tenantId, owner, lena, browser, agent }
}

const publish = (owner: PersonActor, change: object = {}) =>
  publishFile(owner, {
    name: 'Plan.pdf',
    mediaType: 'application/pdf',
    labels: ['internal'],
    audience: 'everyone',
    content: new Uint8Array(randomBytes(2_500_000)),
    ...change,
  })

/** What the inspection of a file would have written. */
async function inspected(
  tenantId: string,
  contentId: string,
  outcome: { state?: string; kind?: string; reason?: string },
) {
  const { state = 'ready', kind = 'pdf', reason = null } = outcome
  const client = await db.superuser.connect()
  try {
    await client.query(`SET session_replication_role = 'replica'`)
    await client.query('DELETE FROM file_rendition WHERE content_id = $1', [contentId])
    const pages = kind === 'pdf' ? 3 : null
    await client.query(
      'INSERT INTO file_rendition (tenant_id, content_id, state, reason, kind, pages) VALUES ($1, $2, $3, $4, $5, $6)',
      [tenantId, contentId, state, reason, kind, pages],
    )
  } finally {
    await client.query(`SET session_replication_role = 'origin'`)
    client.release()
  }
}

async function setPolicy(actor: PersonActor, change: (policy: PolicyDocument) => void) {
  const document = defaultPolicy()
  change(document)
  await saveDraft(actor, { policyId: actor.tenantId, document })
  return publishTighterPolicy(actor, { policyId: actor.tenantId })
}

/** What the device makes of a release: every chunk, opened in its place. */
async function fetchAll({ tenantId, deviceId, enrollmentId, ...rest }: DeviceActor, release: Release): Promise<Buffer> {
  const key = await importContentKey(release.contentKey)
  const { fileId, releaseId, chunkCount } = release
  const parts: Uint8Array[] = []
  for (let number = 0; number < chunkCount; number++) {
    const actor = { tenantId, deviceId, enrollmentId, ...rest }
    const sealed = await getReleaseChunk(actor, { releaseId, number })
    const place = { tenantId, deviceId, enrollmentId, fileId, releaseId, number, isLast: number === chunkCount - 1 }
    parts.push(await openReleaseChunk(key, new Uint8Array(sealed), place))
  }
  return Buffer.concat(parts)
}

async function lastEntry(tenantId: string) {
  const last = (await readLog(db, tenantId)).at(-1)
  if (!last) throw new Error('the log is empty')
  return last
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

describe('createRelease in a browser', () => {
  it('hands out the key and what is needed to show it, and writes file.view', async () => {
    const { tenantId, owner, browser, lena } = await makeOffice()
    const content = new Uint8Array(randomBytes(2_500_000))
    const file = await publish(owner, { content })
    await inspected(tenantId, file.id, {})
    const session = uuidv7()
    const release = await createRelease(browser, { fileId: file.id, purpose: 'view', session })
    expect(release).toMatchObject({
      fileId: file.id,
      name: 'Plan.pdf',
      mediaType: 'application/pdf',
      labels: ['internal'],
      kind: 'pdf',
      pages: 3,
      sizeBytes: 2_500_000,
      sha256: sha256(content),
      chunkBytes: RELEASE_CHUNK_BYTES,
      chunkCount: 3,
      policy: { id: tenantId, version: 1, rule: 'data.view' },
    })
    expect(release.watermark?.text).toMatch(/^Lena · 20\d\d-.* UTC · /)
    expect(release.watermark?.text.endsWith(deviceCode(browser.deviceId))).toBe(true)
    expect(release.watermark?.text).toContain(formatWatermarkTime(new Date()).slice(0, 10))
    const { entry, personal } = await lastEntry(tenantId)
    expect(entry).toMatchObject({
      action: 'file.view',
      outcome: 'allowed',
      source: 'server',
      enforcement: 'none',
      actor: { kind: 'person', id: lena.personId },
      device: { id: browser.deviceId },
      target: { type: 'file', id: file.id },
      labels: ['internal'],
      policy: { id: tenantId, version: 1, rule: 'data.view' },
    })
    expect(entry.correlationId).toBeUndefined()
    expect(personal).toMatchObject({ actorName: 'Lena', targetName: 'Plan.pdf', address: browser.address })
    expect(personal.detail).toEqual({
      purpose: 'view',
      kind: 'pdf',
      sizeBytes: '2500000',
      releaseId: release.releaseId,
      session,
    })
    expect((await fetchAll(browser, release)).equals(content)).toBe(true)
    expect(await getFile(owner, { fileId: file.id })).toMatchObject({ holderCount: 1 })
  })

  it.each<[string, 'download' | 'print', string]>([
    ['a download', 'download', 'file.download'],
    ['a print', 'print', 'file.print'],
  ])('writes %s as what it is', async (_what, purpose, action) => {
    const { tenantId, owner, browser } = await makeOffice()
    const file = await publish(owner)
    await inspected(tenantId, file.id, {})
    const release = await createRelease(browser, { fileId: file.id, purpose })
    expect(release.kind).toBe(purpose === 'download' ? 'original' : 'pdf')
    expect(release.watermark === null).toBe(purpose === 'download')
    const { entry } = await lastEntry(tenantId)
    expect(entry).toMatchObject({ action, outcome: 'allowed', policy: { rule: `data.${purpose}` } })
  })

  it('waits for the inspection without an entry, and says why something is not shown', async () => {
    const { tenantId, owner, browser } = await makeOffice()
    const file = await publish(owner)
    const view = { fileId: file.id, purpose: 'view' as const }
    const before = (await readLog(db, tenantId)).length
    await expect(createRelease(browser, view)).rejects.toMatchObject({ code: 'unavailable', retryAfter: 1 })
    await inspected(tenantId, file.id, { state: 'pending', kind: 'none' })
    await expect(createRelease(browser, view)).rejects.toMatchObject({ code: 'unavailable' })
    expect(await readLog(db, tenantId)).toHaveLength(before)
    await inspected(tenantId, file.id, { state: 'refused', kind: 'none', reason: 'encrypted' })
    await expect(createRelease(browser, view)).rejects.toMatchObject({
      code: 'not_viewable',
      extra: { reason: 'encrypted' },
    })
    const { entry, personal } = await lastEntry(tenantId)
    expect(entry).toMatchObject({ action: 'file.view', outcome: 'failed', target: { id: file.id } })
    expect(personal.detail).toEqual({ purpose: 'view', problem: 'encrypted' })
    await inspected(tenantId, file.id, { kind: 'none' })
    await expect(createRelease(browser, view)).rejects.toMatchObject({ extra: { reason: 'unsupported' } })
    // What cannot be shown can still be saved.
    expect((await createRelease(browser, { fileId: file.id, purpose: 'download' })).kind).toBe('original')
  })

  it('obeys the policy: a reason that is asked for stands in the entry', async () => {
    const { tenantId, owner, browser } = await makeOffice()
    const file = await publish(owner)
    await inspected(tenantId, file.id, {})
    const download = { fileId: file.id, purpose: 'download' as const }
    await setPolicy(owner, (policy) => Object.assign(policy.data.download, { mode: 'ask_reason' }))
    await expect(createRelease(browser, download)).rejects.toMatchObject({
      code: 'policy_forbids',
      extra: { reason: 'reason_required' },
    })
    expect((await lastEntry(tenantId)).entry).toMatchObject({ action: 'file.download', outcome: 'denied' })
    await createRelease(browser, { ...download, reason: 'For the board' })
    expect((await lastEntry(tenantId)).personal).toMatchObject({ reason: 'For the board' })
    await setPolicy(owner, (policy) => {
      Object.assign(policy.data.download, { mode: 'block' })
      Object.assign(policy.data.print, { mode: 'block' })
    })
    for (const purpose of ['download', 'print'] as const) {
      await expect(createRelease(browser, { fileId: file.id, purpose, reason: 'please' })).rejects.toMatchObject({
        code: 'policy_forbids',
        extra: { reason: 'blocked' },
      })
      expect((await lastEntry(tenantId)).entry).toMatchObject({
        action: `file.${purpose}`,
        outcome: 'denied',
        policy: { rule: `data.${purpose}` },
      })
    }
    expect((await createRelease(browser, { fileId: file.id, purpose: 'view' })).kind).toBe('pdf')
  })

  it('gives a browser nothing in one piece', async () => {
    const { owner, browser } = await makeOffice()
    const file = await publish(owner)
    await expect(releaseFile(browser, { fileId: file.id })).rejects.toMatchObject({ code: 'conflict' })
  })

  it('answers a file of somebody else, of another organisation or of nobody alike', async () => {
    const [{ tenantId, owner, browser }, other] = [await makeOffice(), await makeOffice()]
    const theirs = await publish(other.owner)
    const mine = await publish(owner, { audience: [owner.personId] })
    for (const fileId of [theirs.id, mine.id, uuidv7()]) {
      await expect(createRelease(browser, { fileId, purpose: 'view' })).rejects.toMatchObject({
        code: 'not_found',
        extra: undefined,
      })
    }
    const denied = (await readLog(db, tenantId)).filter(({ entry }) => entry.outcome === 'denied')
    expect(denied.map(({ entry }) => entry.target?.id)).toEqual([mine.id])
  })

  it('is refused to a person, to a replaced enrolment and to a blocked device', async () => {
    const { tenantId, owner, browser } = await makeOffice()
    const { id: fileId } = await publish(owner)
    const view = { fileId, purpose: 'view' as const }
    await expect(createRelease(owner, view)).rejects.toMatchObject({ code: 'forbidden' })
    await expect(createRelease({ ...browser, enrollmentId: uuidv7() }, view)).rejects.toMatchObject({
      code: 'device_revoked',
    })
    await blockDevice(owner, { deviceId: browser.deviceId })
    await expect(createRelease(browser, view)).rejects.toMatchObject({ code: 'device_revoked' })
    expect((await lastEntry(tenantId)).entry).toMatchObject({ action: 'file.view', outcome: 'denied' })
  })

  it.each([{ purpose: 'copy' }, { purpose: 'view', session: 'x' }, { purpose: 'view', reason: '\u0000' }])(
    '%j is invalid',
    async (body) => {
      const { owner, browser } = await makeOffice()
      const { id: fileId } = await publish(owner)
      const input = { fileId, ...body } as Parameters<typeof createRelease>[1]
      await expect(createRelease(browser, input)).rejects.toMatchObject({ code: 'invalid' })
    },
  )
})

describe('what was made to be shown', () => {
  it('is what a browser gets, of a copy as well, and never the original', async () => {
    const { tenantId, owner, lena, browser } = await makeOffice()
    const bo = await makePerson(tenantId, { role: 'member', name: 'Bo' })
    const { actor: theirs } = await enrollTestDevice(bo, { facts: { platform: 'browser' } })
    const content = new TextEncoder().encode('# Plan\n\n<script>alert(1)</script>\n')
    const original = { name: 'Plan.md', mediaType: 'text/markdown', audience: [lena.personId], content }
    const { id: fileId } = await publish(owner, original)
    await inspectContent({ tenantId, contentId: fileId })
    const { fileId: copyId } = await forwardFile(browser, { fileId, to: bo.email })
    for (const [actor, id] of [
      [browser, fileId],
      [theirs, copyId ?? ''],
    ] as const) {
      const release = await createRelease(actor, { fileId: id, purpose: 'view' })
      expect(release).toMatchObject({ kind: 'markdown', name: 'Plan.md' })
      const shown = await fetchAll(actor, release)
      expect(sha256(shown)).toBe(release.sha256)
      expect(shown.length).toBe(release.sizeBytes)
      expect(shown.toString()).toMatch(/<h1[^>]*>Plan/)
      expect(shown.toString()).not.toContain('<script')
    }
    const { entry } = await lastEntry(tenantId)
    expect(entry).toMatchObject({ action: 'file.view', target: { id: copyId }, correlationId: fileId })
    const saved = await createRelease(browser, { fileId, purpose: 'download' })
    expect((await fetchAll(browser, saved)).equals(content)).toBe(true)
  })
})

describe('createRelease for an agent', () => {
  it('gives the original, without an inspection, and writes file.release', async () => {
    const { tenantId, owner, agent } = await makeOffice()
    const content = new Uint8Array(randomBytes(RELEASE_CHUNK_BYTES))
    const file = await publish(owner, { content })
    const release = await createRelease(agent, { fileId: file.id, purpose: 'view' })
    expect(release).toMatchObject({ kind: 'original', chunkCount: 1 })
    const { entry, personal } = await lastEntry(tenantId)
    expect(entry).toMatchObject({
      action: 'file.release',
      actor: { kind: 'device', id: agent.deviceId },
      policy: { rule: 'data.view' },
    })
    expect(personal.detail).toMatchObject({ releaseId: release.releaseId, purpose: 'view' })
    expect((await fetchAll(agent, release)).equals(content)).toBe(true)
  })
})

describe('getReleaseChunk', () => {
  async function released() {
    const office = await makeOffice()
    const file = await publish(office.owner)
    const release = await createRelease(office.agent, { fileId: file.id, purpose: 'view' })
    const chunk = (number = 0, actor = office.agent) => getReleaseChunk(actor, { releaseId: release.releaseId, number })
    return { ...office, file, release, chunk }
  }

  it('is for the enrolment alone that the release was made for', async () => {
    const { chunk, browser, owner, agent } = await released()
    const other = await makeOffice()
    for (const actor of [browser, other.agent, { ...agent, enrollmentId: uuidv7() }])
      await expect(chunk(0, actor)).rejects.toMatchObject({ code: 'not_found' })
    await expect(chunk(0, owner as never)).rejects.toMatchObject({ code: 'forbidden' })
    await expect(chunk(3)).rejects.toMatchObject({ code: 'not_found' })
    expect(await chunk(2)).toHaveLength(2_500_000 - 2 * RELEASE_CHUNK_BYTES + 28)
  })

  it('ends with a block, with an audience without the person, and with the hour', async () => {
    const { chunk, owner, agent, file } = await released()
    await updateFileAudience(owner, { fileId: file.id, audience: [owner.personId] })
    await expect(chunk()).rejects.toMatchObject({ code: 'gone' })
    await updateFileAudience(owner, { fileId: file.id, audience: 'everyone' })
    await chunk()
    await blockDevice(owner, { deviceId: agent.deviceId })
    await expect(chunk()).rejects.toMatchObject({ code: 'device_revoked' })
    const second = await released()
    testingOnlyAdvanceClock(3_600_001)
    try {
      await expect(second.chunk()).rejects.toMatchObject({ code: 'gone' })
      const { rows } = await db.superuser.query(
        'SELECT count(*)::int FROM file_release_grant WHERE enrollment_id = $1',
        [second.agent.enrollmentId],
      )
      expect(rows[0].count).toBe(1)
      // The organisation’s next release sweeps what is over.
      const next = await createRelease(second.agent, { fileId: second.file.id, purpose: 'view' })
      const left = await db.superuser.query('SELECT id FROM file_release_grant WHERE enrollment_id = $1', [
        second.agent.enrollmentId,
      ])
      expect(left.rows).toEqual([{ id: next.releaseId }])
    } finally {
      testingOnlyAdvanceClock(-3_600_001)
    }
  })

  it('is another ciphertext each time, so that nothing is learnt from asking twice', async () => {
    const { chunk } = await released()
    expect((await chunk()).equals(await chunk())).toBe(false)
  })

  it('says damage: chunks swapped, missing, another file’s key, a content key of another release', async () => {
    const { chunk, file, owner, agent, release } = await released()
    await withoutWalls(db, 'UPDATE file_chunk SET number = 1 - number + 100 WHERE content_id = $1 AND number < 2', [
      file.id,
    ])
    await withoutWalls(db, 'UPDATE file_chunk SET number = number - 100 WHERE content_id = $1 AND number > 90', [
      file.id,
    ])
    await expect(chunk(0)).rejects.toMatchObject({ code: 'content_damaged' })
    await chunk(2)
    await withoutWalls(db, 'DELETE FROM file_chunk WHERE content_id = $1 AND number = 2', [file.id])
    await expect(chunk(2)).rejects.toMatchObject({ code: 'content_damaged' })
    const other = await publish(owner)
    await withoutWalls(db, 'UPDATE file a SET file_key = b.file_key FROM file b WHERE a.id = $1 AND b.id = $2', [
      file.id,
      other.id,
    ])
    await expect(chunk(1)).rejects.toMatchObject({ code: 'content_damaged' })
    await expect(createRelease(agent, { fileId: file.id, purpose: 'view' })).rejects.toMatchObject({
      code: 'content_damaged',
    })
    const { releaseId } = await createRelease(agent, { fileId: other.id, purpose: 'view' })
    await withoutWalls(
      db,
      'UPDATE file_release_grant a SET content_key = b.content_key FROM file_release_grant b WHERE a.id = $1 AND b.id = $2',
      [releaseId, release.releaseId],
    )
    await expect(getReleaseChunk(agent, { releaseId, number: 0 })).rejects.toThrow(/does not open/)
  })
})

describe('listDeviceFiles', () => {
  it('says of each file how it is shown and what may be done with it', async () => {
    const { tenantId, owner, browser } = await makeOffice()
    const [fresh, pdf, locked] = [await publish(owner), await publish(owner), await publish(owner)]
    await inspected(tenantId, pdf.id, {})
    await inspected(tenantId, locked.id, { state: 'refused', kind: 'none', reason: 'encrypted' })
    const list = async () => new Map((await listDeviceFiles(browser, {})).items.map((item) => [item.id, item]))
    const before = await list()
    expect(before.get(fresh.id)).toMatchObject({ kind: 'none', viewState: 'pending' })
    expect(before.get(pdf.id)).toMatchObject({ kind: 'pdf', viewState: 'ready' })
    expect(before.get(locked.id)).toMatchObject({ kind: 'none', viewState: 'refused', viewReason: 'encrypted' })
    expect(before.get(pdf.id)?.may).toEqual({ download: 'allow', print: 'allow', copy: 'allow', forward: 'allow' })
    expect(before.get(pdf.id)?.sharedBy).toBeUndefined()
    await setPolicy(owner, (policy) => {
      Object.assign(policy.data.download, { mode: 'ask_reason' })
      Object.assign(policy.data.copy, { mode: 'block' })
      Object.assign(policy.data.forward, { mode: 'internal', internalDomains: ['example.org'] })
    })
    expect((await list()).get(pdf.id)?.may).toEqual({
      download: 'ask_reason',
      print: 'allow',
      copy: 'block',
      forward: 'internal',
    })
  })
})
