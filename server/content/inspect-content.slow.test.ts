import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import { startQueue } from '#server/jobs/queue.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { releaseDelayedRequest } from '#server/kernel/brake-decisions.ts'
import { testingOnlyAdvanceClock, testingOnlyResetClock } from '#server/kernel/clock.ts'
import { readTransaction } from '#server/kernel/db.ts'
import { tenantVault } from '#server/kernel/keys.ts'
import { createLog } from '#server/kernel/log.ts'
import { makeApiKeyActor, makeGrant, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { readChunks } from './chunks.ts'
import { deleteFile, publishFile } from './commands.ts'
import { renditionKeyPlace } from './deliverable.ts'
import { inspectContent } from './inspect-content.ts'
import { beginInspections, contentJobs, endInspections, inspectionJobs } from './jobs.ts'
import { getRendition } from './queries.ts'
import { LIMITS } from './render/limits.ts'
import * as corpus from './render/testing-corpus.ts'

const db = useDatabase()
afterAll(endInspections)

async function makeOffice() {
  const tenantId = await makeTenant()
  return { tenantId, owner: await makePerson(tenantId, { role: 'owner', founder: true, name: 'Mei' }) }
}

async function publish(
  owner: PersonActor,
  content: Uint8Array | string,
  { mediaType = 'application/pdf', name = 'Plan' } = {},
) {
  const bytes = new Uint8Array(Buffer.from(content as Uint8Array))
  const { id } = await publishFile(owner, {
    name,
    mediaType,
    labels: ['internal'],
    audience: 'everyone',
    content: bytes,
  })
  return { tenantId: owner.tenantId, contentId: id }
}

async function rowOf({ contentId }: { contentId: string }) {
  const { rows } = await db.superuser.query(
    `SELECT state, reason, kind, media_type AS "mediaType", size_bytes::int AS "sizeBytes", encode(sha256, 'hex') AS sha256, pages,
            rendition_content_id AS "contentId", file_key AS wrapped FROM file_rendition WHERE content_id = $1`,
    [contentId],
  )
  return rows[0]
}

async function shownOf(place: { tenantId: string; contentId: string }): Promise<Buffer> {
  const { contentId, wrapped, sizeBytes, sha256 } = await rowOf(place)
  const { tenantId } = place
  const stored = {
    tenantId,
    contentId,
    wrapped,
    sizeBytes,
    sha256: Buffer.from(sha256, 'hex'),
    keyPlace: renditionKeyPlace(place.contentId),
  }
  return readTransaction(tenantId, async ({ tx }) =>
    Buffer.from(await readChunks({ tx, vault: () => tenantVault(tx, tenantId) }, stored)),
  )
}

const inspections = async (tenantId: string) =>
  (await readLog(db, tenantId)).filter(({ entry }) => entry.action === 'file.inspect')

describe('inspectContent', () => {
  it('shows a PDF as it is, and says so in the log', async () => {
    const { tenantId, owner } = await makeOffice()
    const place = await publish(owner, corpus.largePdf(2_000_000))
    await inspectContent(place)
    expect(await rowOf(place)).toMatchObject({
      state: 'ready',
      reason: null,
      kind: 'pdf',
      pages: 20,
      mediaType: 'application/pdf',
      contentId: null,
      wrapped: null,
    })
    const [only, ...more] = await inspections(tenantId)
    expect(more).toEqual([])
    expect(only?.entry).toMatchObject({
      action: 'file.inspect',
      outcome: 'allowed',
      actor: { kind: 'system' },
      target: { type: 'file', id: place.contentId },
      labels: ['internal'],
      source: 'server',
    })
    expect(only?.personal).toMatchObject({ detail: { kind: 'pdf', pages: '20' } })
  })

  it('keeps what is shown in the place of a picture, text and Markdown under a key of its own', async () => {
    const { owner } = await makeOffice()
    const photo = await sharp({ create: { width: 90, height: 60, channels: 3, background: '#a33' } })
      .jpeg()
      .toBuffer()
    const picture = await publish(owner, photo, { mediaType: 'image/jpeg' })
    const text = await publish(owner, Buffer.from('d6d0cec4', 'hex'), { mediaType: 'text/plain' })
    const markdown = await publish(owner, '# <b>Plan', { mediaType: 'text/markdown' })
    for (const place of [picture, text, markdown]) await inspectContent(place)
    expect(await rowOf(picture)).toMatchObject({ state: 'ready', kind: 'image', mediaType: 'image/webp' })
    expect(await sharp(await shownOf(picture)).metadata()).toMatchObject({ width: 90, height: 60, format: 'webp' })
    expect((await shownOf(text)).toString()).toBe('中文')
    expect((await shownOf(markdown)).toString()).toBe('<h1>&lt;b&gt;Plan</h1>\n')
    const { contentId } = await rowOf(text)
    const { rows } = await db.superuser.query('SELECT bytes FROM file_chunk WHERE content_id = $1', [contentId])
    expect(rows[0].bytes.includes('中文')).toBe(false)
  })

  it.each([
    ['encrypted', 'denied', corpus.encryptedPdf(), 'application/pdf'],
    ['malformed', 'failed', '%PDF-1.7\n', 'application/pdf'],
    ['wrong_type', 'denied', corpus.html, 'application/pdf'],
    ['too_large', 'denied', corpus.bombPng(30_000, 30_000), 'image/png'],
    ['too_costly', 'denied', corpus.bombPdf(4_096), 'application/pdf'],
  ])('%s: a row with the reason, and an entry', async (reason, outcome, bytes, mediaType) => {
    const { tenantId, owner } = await makeOffice()
    const place = await publish(owner, bytes, { mediaType })
    await inspectContent(place)
    expect(await rowOf(place)).toMatchObject({ state: 'refused', reason, kind: 'none', contentId: null })
    const [only] = await inspections(tenantId)
    expect(only?.entry).toMatchObject({ outcome, target: { id: place.contentId } })
    expect(only?.personal).toMatchObject({ reason, detail: { kind: 'none' } })
  })

  it('leaves what nothing here shows to be downloaded', async () => {
    const { tenantId, owner } = await makeOffice()
    const place = await publish(owner, corpus.svg, { mediaType: 'image/svg+xml' })
    await inspectContent(place)
    expect(await rowOf(place)).toMatchObject({ state: 'ready', kind: 'none', reason: null, mediaType: null })
    expect((await inspections(tenantId))[0]?.entry).toMatchObject({ outcome: 'allowed' })
  })

  it('finds nothing in another organisation', async () => {
    const [{ owner }, other] = [await makeOffice(), await makeOffice()]
    const { contentId } = await publish(owner, corpus.simplePdf())
    await inspectContent({ tenantId: other.tenantId, contentId })
    await inspectContent({ tenantId: owner.tenantId, contentId: uuidv7() })
    expect(await rowOf({ contentId })).toBeUndefined()
    expect(await inspections(other.tenantId)).toEqual([])
  })

  it('raises the alert when a stored content is damaged, and asks no more', async () => {
    const { tenantId, owner } = await makeOffice()
    const place = await publish(owner, corpus.largePdf(2_000_000))
    await db.superuser.query(
      'UPDATE file_chunk SET bytes = set_byte(bytes, 99, get_byte(bytes, 99) # 1) WHERE content_id = $1 AND number = 1',
      [place.contentId],
    )
    await inspectContent(place)
    expect(await rowOf(place)).toMatchObject({ state: 'refused', reason: 'malformed' })
    expect((await inspections(tenantId))[0]?.personal).toMatchObject({ detail: { problem: 'content_damaged' } })
    const { entry } = (await readLog(db, tenantId)).find(({ entry: { action } }) => action === 'file.integrity') ?? {}
    expect(entry).toMatchObject({ outcome: 'failed', target: { id: place.contentId } })
  })

  it('repeating is harmless', async () => {
    const { tenantId, owner } = await makeOffice()
    const place = await publish(owner, 'text', { mediaType: 'text/plain' })
    await inspectContent(place)
    const first = await rowOf(place)
    await inspectContent(place)
    expect(await rowOf(place)).toEqual(first)
    expect(await inspections(tenantId)).toHaveLength(1)
  })

  it('two at once leave one rendition', async () => {
    const { tenantId, owner } = await makeOffice()
    const place = await publish(owner, 'text', { mediaType: 'text/plain' })
    await Promise.all([inspectContent(place), inspectContent(place)])
    expect((await shownOf(place)).toString()).toBe('text')
    const { rows } = await db.superuser.query('SELECT DISTINCT content_id FROM file_chunk WHERE tenant_id = $1', [
      tenantId,
    ])
    expect(rows).toHaveLength(2)
  })

  it('goes with its file', async () => {
    const { tenantId, owner } = await makeOffice()
    const [shown, late] = [
      await publish(owner, 'text', { mediaType: 'text/plain' }),
      await publish(owner, 'late', { mediaType: 'text/plain' }),
    ]
    await inspectContent(shown)
    const { contentId } = await rowOf(shown)
    for (const { contentId: fileId } of [shown, late]) {
      const input = { fileId, reason: 'obsolete' }
      const { requestId } = await deleteFile(owner, input, {
        stepUpGrantId: await makeGrant(owner, deleteFile.requestHash(input)),
      })
      testingOnlyAdvanceClock(31_000)
      expect(await releaseDelayedRequest(tenantId, requestId)).toBe('carried out')
      testingOnlyResetClock()
    }
    expect(await rowOf(shown)).toMatchObject({ wrapped: null })
    const { rows } = await db.superuser.query('SELECT 1 FROM file_chunk WHERE content_id = ANY ($1)', [
      [contentId, shown.contentId],
    ])
    expect(rows).toEqual([])
    // What was asked before the deletion finds nothing any more.
    await inspectContent(late)
    expect(await rowOf(late)).toBeUndefined()
  })
})

describe('the queue of inspections', () => {
  const log = createLog('test', { level: 'silent' })
  let hang = ''
  beforeAll(() => {
    hang = join(mkdtempSync(join(tmpdir(), 'gatehouse-child-')), 'hang.cjs')
    writeFileSync(hang, `require('node:fs').writeSync(3, Buffer.of(1)); for (;;);`)
  })
  afterAll(() => rmSync(join(hang, '..'), { recursive: true, force: true }))

  async function until(holds: () => Promise<boolean>): Promise<void> {
    for (let attempt = 0; attempt < 600 && !(await holds()); attempt++) await sleep(100)
    expect(await holds()).toBe(true)
  }
  const isEveryJobDone = async () => {
    const jobs = `SELECT 1 FROM graphile_worker.jobs WHERE task_identifier = 'content.inspect'`
    return (await db.superuser.query(jobs)).rows.length === 0
  }
  const isReady = (place: { contentId: string }) => async () => (await rowOf(place))?.state === 'ready'

  it('survives every hostile file and inspects the harmless one after them', async () => {
    const { owner, tenantId } = await makeOffice()
    const hostile = [
      corpus.scriptedPdf(),
      corpus.loopingPages(),
      corpus.loopingXref(),
      corpus.manyOperators(3_000_000),
      corpus.deepPages(3_000),
    ]
    for (const bytes of hostile) await publish(owner, bytes)
    for (const [bytes, mediaType] of [
      [corpus.bombGif(), 'image/gif'],
      [Buffer.alloc(9_000), 'text/plain'],
    ] as const)
      await publish(owner, bytes, { mediaType })
    const harmless = await publish(owner, corpus.simplePdf())
    const queue = await startQueue({ tasks: inspectionJobs, schedule: [], log, concurrency: 2 })
    try {
      await until(async () => (await inspections(tenantId)).length === 8)
      expect(await rowOf(harmless)).toMatchObject({ state: 'ready', pages: 1 })
      await until(isEveryJobDone)
    } finally {
      await queue.stop()
    }
  }, 90_000)

  it('one that was ended in the middle is done after the next start', async () => {
    const { owner } = await makeOffice()
    const place = await publish(owner, corpus.simplePdf())
    const attempt = inspectContent(place, { limits: { ...LIMITS, wallMs: 60_000 }, entry: hang })
    const refused = expect(attempt).rejects.toThrow(/from outside|did not start/)
    // As the worker stops: however often until the child is there.
    const stopping = setInterval(() => void endInspections(), 50)
    await refused
    clearInterval(stopping)
    expect(await rowOf(place)).toBeUndefined()
    // As a worker leaves it that was killed outright: the queue itself would wait for hours.
    await db.superuser.query(`UPDATE graphile_worker._private_jobs SET locked_at = now(), locked_by = 'gone'`)
    await beginInspections()
    const queue = await startQueue({ tasks: inspectionJobs, schedule: [], log, concurrency: 1 })
    try {
      await until(isReady(place))
    } finally {
      await queue.stop()
    }
  })

  it('what has no job is asked for again', async () => {
    const { owner } = await makeOffice()
    const place = await publish(owner, corpus.simplePdf())
    await db.superuser.query('DELETE FROM graphile_worker._private_jobs')
    await contentJobs['content.inspect_missing']()
    const key = `content.inspect:${place.contentId}`
    const waiting = () => db.superuser.query('SELECT key FROM graphile_worker.jobs WHERE key = $1', [key])
    expect((await waiting()).rows).toEqual([])
    const client = await db.superuser.connect()
    await client.query(`SET session_replication_role = 'replica'`)
    await client.query(`UPDATE file SET created_at = created_at - interval '1 hour' WHERE id = $1`, [place.contentId])
    await client.query(`SET session_replication_role = 'origin'`)
    client.release()
    await contentJobs['content.inspect_missing']()
    await contentJobs['content.inspect_missing']()
    expect((await waiting()).rows).toEqual([{ key }])
  })
})

describe('getRendition', () => {
  it('says what is known of a file', async () => {
    const { owner } = await makeOffice()
    const place = await publish(owner, 'text', { mediaType: 'text/plain' })
    const ask = (actor: Parameters<typeof getRendition>[0]) => getRendition(actor, { fileId: place.contentId })
    expect(await ask(owner)).toEqual({
      state: 'pending',
      kind: 'none',
      reason: null,
      pages: null,
      sizeBytes: null,
      inspectedAt: null,
    })
    await inspectContent(place)
    expect(await ask(owner)).toEqual({
      state: 'ready',
      kind: 'text',
      reason: null,
      pages: null,
      sizeBytes: 4,
      inspectedAt: expect.any(Date),
    })
    const other = await makeOffice()
    await expect(ask(other.owner)).rejects.toMatchObject({ code: 'not_found' })
    await expect(ask(makeApiKeyActor(owner.tenantId, ['devices:read']))).rejects.toMatchObject({ code: 'forbidden' })
  })
})
