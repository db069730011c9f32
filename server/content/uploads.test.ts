import { createHash, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import type { Actor } from '#server/kernel/actor.ts'
import { testingOnlyAdvanceClock } from '#server/kernel/clock.ts'
import { readTransaction } from '#server/kernel/db.ts'
import { tenantVault } from '#server/kernel/keys.ts'
import { makeApiKeyActor, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { CHUNK_BYTES, fileKeyPlace, readChunks } from './chunks.ts'
import { appendUpload, createUpload, getUpload, publishFile, removeUpload } from './commands.ts'
import { MAX_FILE_BYTES, MAX_OPEN_UPLOAD_BYTES, MAX_OPEN_UPLOADS } from './schema.ts'
import { removeAbandonedUploads } from './uploads.ts'

const db = useDatabase()

async function makeOffice() {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true, name: 'Mei' })
  return { tenantId, owner }
}

/** The bytes in pieces as a network brings them; then the connection breaks, where `broken`. */
async function* arriving(bytes: Uint8Array, { broken = false, pieceBytes = 65_521 } = {}): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
  if (broken) throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' })
}

async function begin(actor: Actor, content: Uint8Array) {
  const { id } = await createUpload(actor, {
    sizeBytes: content.length,
    name: 'Plan.pdf',
    mediaType: 'application/pdf',
  })
  return id
}

const publish = (actor: Actor, uploadId: string, options = {}) =>
  publishFile(actor, { name: 'Plan.pdf', labels: ['internal'], audience: 'everyone', uploadId }, options)

/** What a file holds, opened as everything else opens it. */
async function contentOf(tenantId: string, fileId: string): Promise<Buffer> {
  return readTransaction(tenantId, async ({ tx }) => {
    const file = await tx.file.findFirstOrThrow({
      where: { tenantId, id: fileId },
      select: { contentId: true, fileKey: true, sizeBytes: true, sha256: true },
    })
    const { contentId, fileKey, sizeBytes, sha256 } = file
    const stored = {
      tenantId,
      contentId,
      wrapped: fileKey ?? new Uint8Array(),
      keyPlace: fileKeyPlace(fileId),
      sizeBytes: Number(sizeBytes),
      sha256,
    }
    return Buffer.from(await readChunks({ tx, vault: () => tenantVault(tx, tenantId) }, stored))
  })
}

async function stored(uploadId: string) {
  const { rows } = await db.superuser.query<{ uploads: number; chunks: number }>(
    'SELECT (SELECT count(*)::int FROM file_upload WHERE id = $1) AS uploads, (SELECT count(*)::int FROM file_chunk WHERE content_id = $1) AS chunks',
    [uploadId],
  )
  return rows[0]
}

describe('an upload', () => {
  it('arrives at once and is published as it is, with its entry and its inspection', async () => {
    const { tenantId, owner } = await makeOffice()
    const content = randomBytes(2 * CHUNK_BYTES + 7)
    const uploadId = await begin(owner, content)
    const done = await appendUpload(owner, { uploadId, offsetBytes: 0, body: arriving(content) })
    expect(done).toMatchObject({ offsetBytes: content.length, sizeBytes: content.length })
    const file = await publish(owner, uploadId)
    expect(file).toMatchObject({
      id: uploadId,
      contentId: uploadId,
      rootId: uploadId,
      derivedFrom: null,
      mediaType: 'application/pdf',
    })
    expect((await contentOf(tenantId, file.id)).equals(content)).toBe(true)
    const { entry, personal } = (await readLog(db, tenantId)).at(-1) ?? {}
    expect(entry).toMatchObject({
      action: 'file.publish',
      outcome: 'allowed',
      target: { type: 'file', id: uploadId },
      labels: ['internal'],
    })
    expect(personal?.detail).toMatchObject({
      mediaType: 'application/pdf',
      sizeBytes: String(content.length),
      sha256: createHash('sha256').update(content).digest('hex'),
    })
    const jobs = await db.superuser.query(
      `SELECT 1 FROM graphile_worker.jobs WHERE task_identifier = 'content.inspect' AND key LIKE '%' || $1`,
      [uploadId],
    )
    expect(jobs.rowCount).toBe(1)
    expect(await stored(uploadId)).toEqual({ uploads: 0, chunks: 3 })
  })

  it.each([
    ['in the middle of a chunk', 3 * CHUNK_BYTES + 5, [700_001, CHUNK_BYTES + 3, 2 * CHUNK_BYTES + 1]],
    ['between two chunks', 3 * CHUNK_BYTES, [CHUNK_BYTES, 2 * CHUNK_BYTES]],
    ['within one chunk, byte by byte', 9, [1, 2, 3]],
    ['before the last byte', CHUNK_BYTES + 1, [CHUNK_BYTES]],
  ])('that breaks off %s keeps what has arrived and goes on there', async (_where, size, breaks) => {
    const { tenantId, owner } = await makeOffice()
    const content = randomBytes(size)
    const uploadId = await begin(owner, content)
    let from = 0
    for (const to of breaks) {
      const body = arriving(content.subarray(from, to), { broken: true })
      await expect(appendUpload(owner, { uploadId, offsetBytes: from, body })).rejects.toMatchObject({
        code: 'invalid',
        fields: { body: 'was cut off' },
      })
      expect(await getUpload(owner, { uploadId })).toMatchObject({ offsetBytes: to, sizeBytes: size })
      from = to
    }
    await expect(publish(owner, uploadId)).rejects.toMatchObject({
      code: 'conflict',
      fields: { uploadId: expect.stringContaining('is not complete') },
    })
    await appendUpload(owner, { uploadId, offsetBytes: from, body: arriving(content.subarray(from)) })
    const file = await publish(owner, uploadId)
    expect((await contentOf(tenantId, file.id)).equals(content)).toBe(true)
    const { personal } = (await readLog(db, tenantId)).at(-1) ?? {}
    expect(personal?.detail).toMatchObject({ sha256: createHash('sha256').update(content).digest('hex') })
  })

  it('lies encrypted from the first byte, its tail too', async () => {
    const { owner } = await makeOffice()
    const content = Buffer.alloc(CHUNK_BYTES + 4_000, 'The plan of the merger. ')
    const uploadId = await begin(owner, content)
    await appendUpload(owner, { uploadId, offsetBytes: 0, body: arriving(content.subarray(0, -10)) })
    const { rows } = await db.superuser.query<{ bytes: Buffer }>(
      'SELECT bytes FROM file_chunk WHERE content_id = $1 UNION ALL SELECT tail FROM file_upload WHERE id = $1',
      [uploadId],
    )
    expect(rows).toHaveLength(2)
    for (const { bytes } of rows) expect(bytes.includes('merger')).toBe(false)
  })

  it('does not take up a tail that was put back from before', async () => {
    const { owner } = await makeOffice()
    const uploadId = await begin(owner, randomBytes(100))
    await appendUpload(owner, { uploadId, offsetBytes: 0, body: arriving(randomBytes(10)) })
    const before = await db.superuser.query('SELECT tail FROM file_upload WHERE id = $1', [uploadId])
    await appendUpload(owner, { uploadId, offsetBytes: 10, body: arriving(randomBytes(10)) })
    await db.superuser.query('UPDATE file_upload SET tail = $2 WHERE id = $1', [uploadId, before.rows[0].tail])
    await expect(getUpload(owner, { uploadId })).rejects.toThrow(/does not open/)
  })

  it('refuses bytes for another place, and more than were announced', async () => {
    const { owner } = await makeOffice()
    const content = randomBytes(1_000)
    const uploadId = await begin(owner, content)
    await expect(appendUpload(owner, { uploadId, offsetBytes: 1, body: arriving(content) })).rejects.toMatchObject({
      code: 'conflict',
      extra: { offsetBytes: 0 },
    })
    await expect(
      appendUpload(owner, { uploadId, offsetBytes: 0, lengthBytes: 1_001, body: arriving(content) }),
    ).rejects.toMatchObject({ code: 'too_large' })
    await expect(
      appendUpload(owner, { uploadId, offsetBytes: 0, body: arriving(randomBytes(1_001)) }),
    ).rejects.toMatchObject({ code: 'too_large' })
    expect((await getUpload(owner, { uploadId })).offsetBytes).toBe(0)
    await appendUpload(owner, { uploadId, offsetBytes: 0, body: arriving(content) })
    // Complete: there is no room for one byte more, and none for nothing either.
    await expect(
      appendUpload(owner, { uploadId, offsetBytes: 1_000, body: arriving(randomBytes(1)), lengthBytes: 1 }),
    ).rejects.toMatchObject({ code: 'too_large' })
    expect(await appendUpload(owner, { uploadId, offsetBytes: 1_000, body: arriving(new Uint8Array()) })).toMatchObject(
      { offsetBytes: 1_000 },
    )
  })

  it('continued by two at once goes on with one of them, whole', async () => {
    const { tenantId, owner } = await makeOffice()
    const contents = [randomBytes(2 * CHUNK_BYTES + 5), randomBytes(2 * CHUNK_BYTES + 5)] as const
    const uploadId = await begin(owner, contents[0])
    const attempts = await Promise.allSettled(
      contents.map((content) => appendUpload(owner, { uploadId, offsetBytes: 0, body: arriving(content) })),
    )
    expect(attempts.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    const [won, lost] = attempts[0]?.status === 'fulfilled' ? ([0, 1] as const) : ([1, 0] as const)
    expect(attempts[lost]).toMatchObject({ reason: { code: 'conflict' } })
    const { id } = await publish(owner, uploadId)
    expect((await contentOf(tenantId, id)).equals(contents[won])).toBe(true)
  })

  it('taken up again after its first sender hung goes on; what hung comes to nothing', async () => {
    const { tenantId, owner } = await makeOffice()
    const content = randomBytes(2 * CHUNK_BYTES)
    const uploadId = await begin(owner, content)
    let letGo = () => {}
    const hanging = new Promise<void>((resolve) => {
      letGo = resolve
    })
    async function* stalling() {
      yield content.subarray(0, 10)
      await hanging
      yield content.subarray(10)
    }
    const first = appendUpload(owner, { uploadId, offsetBytes: 0, body: stalling() })
    await appendUpload(owner, { uploadId, offsetBytes: 0, body: arriving(content) })
    letGo()
    await expect(first).rejects.toMatchObject({ code: 'conflict' })
    const { id } = await publish(owner, uploadId)
    expect((await contentOf(tenantId, id)).equals(content)).toBe(true)
  })

  it('is nobody else’s: not found for a colleague, a key and another organisation', async () => {
    const [{ tenantId, owner }, other] = [await makeOffice(), await makeOffice()]
    const uploadId = await begin(owner, randomBytes(10))
    const colleague = await makePerson(tenantId, { role: 'admin' })
    for (const actor of [colleague, makeApiKeyActor(tenantId, ['content:write']), other.owner]) {
      const none = { code: 'not_found' }
      await expect(getUpload(actor, { uploadId })).rejects.toMatchObject(none)
      await expect(
        appendUpload(actor, { uploadId, offsetBytes: 0, body: arriving(randomBytes(10)) }),
      ).rejects.toMatchObject(none)
      await expect(removeUpload(actor, { uploadId })).rejects.toMatchObject(none)
      await expect(publish(actor, uploadId)).rejects.toMatchObject(none)
    }
    expect(await getUpload(owner, { uploadId })).toMatchObject({ offsetBytes: 0 })
  })

  it('is refused to who may not publish, with an entry', async () => {
    const { tenantId } = await makeOffice()
    const reader = await makePerson(tenantId, { role: 'compliance' })
    await expect(createUpload(reader, { sizeBytes: 10 })).rejects.toMatchObject({ code: 'forbidden' })
    await expect(createUpload(makeApiKeyActor(tenantId, ['content:read']), { sizeBytes: 10 })).rejects.toMatchObject({
      code: 'forbidden',
    })
    const { entry } = (await readLog(db, tenantId)).at(-1) ?? {}
    expect(entry).toMatchObject({ action: 'file.publish', outcome: 'denied' })
  })

  it.each([
    [{ sizeBytes: 0 }, { code: 'invalid', fields: { sizeBytes: 'is empty' } }],
    [{ sizeBytes: 1.5 }, { code: 'invalid' }],
    [{ sizeBytes: MAX_FILE_BYTES + 1 }, { code: 'too_large', fields: { file: expect.any(String) } }],
    [
      { sizeBytes: 1, name: 'a/b' },
      { code: 'invalid', fields: { name: expect.any(String) } },
    ],
    [
      { sizeBytes: 1, mediaType: 'x' },
      { code: 'invalid', fields: { mediaType: expect.any(String) } },
    ],
  ])('of %j is refused', async (input, problem) => {
    const { owner } = await makeOffice()
    await expect(createUpload(owner, input)).rejects.toMatchObject(problem)
  })

  it('is one of a bounded number, and of a bounded number of bytes', async () => {
    const [few, large] = [await makeOffice(), await makeOffice()]
    await crowd(few.tenantId, MAX_OPEN_UPLOADS - 1, 1)
    const last = await Promise.allSettled([
      createUpload(few.owner, { sizeBytes: 1 }),
      createUpload(few.owner, { sizeBytes: 1 }),
    ])
    expect(last.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    await crowd(large.tenantId, 1, MAX_OPEN_UPLOAD_BYTES - 10)
    await expect(createUpload(large.owner, { sizeBytes: 11 })).rejects.toMatchObject({
      code: 'rate_limited',
      retryAfter: 60,
    })
    await createUpload(large.owner, { sizeBytes: 10 })
  })

  /** Uploads of somebody, without their bytes. */
  async function crowd(tenantId: string, count: number, sizeBytes: number) {
    await db.superuser.query(
      `INSERT INTO file_upload (tenant_id, id, actor_kind, actor_id, size_bytes, file_key, created_at, expires_at)
       SELECT $1, gen_random_uuid(), 'person', 'x', $3, '', now(), now() + interval '1 day' FROM generate_series(1, $2)`,
      [tenantId, count, sizeBytes],
    )
  }

  it('is removed when asked, with its bytes', async () => {
    const { owner } = await makeOffice()
    const uploadId = await begin(owner, randomBytes(CHUNK_BYTES + 1))
    await appendUpload(owner, { uploadId, offsetBytes: 0, body: arriving(randomBytes(CHUNK_BYTES + 1)) })
    expect(await stored(uploadId)).toEqual({ uploads: 1, chunks: 2 })
    await removeUpload(owner, { uploadId })
    expect(await stored(uploadId)).toEqual({ uploads: 0, chunks: 0 })
    await expect(getUpload(owner, { uploadId })).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('publishing an upload', () => {
  it('twice makes one file; with one key the same answer', async () => {
    const { owner } = await makeOffice()
    const content = randomBytes(10)
    const [one, two] = [await begin(owner, content), await begin(owner, content)]
    for (const uploadId of [one, two]) await appendUpload(owner, { uploadId, offsetBytes: 0, body: arriving(content) })
    const attempts = await Promise.allSettled([publish(owner, one), publish(owner, one)])
    expect(attempts.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(attempts.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'conflict' } })
    await expect(publish(owner, one)).rejects.toMatchObject({
      code: 'conflict',
      fields: { uploadId: 'was published already' },
    })
    const options = { idempotencyKey: 'once' }
    expect((await publish(owner, two, options)).id).toBe((await publish(owner, two, options)).id)
  })

  it('that is none is not found', async () => {
    const { owner } = await makeOffice()
    await expect(publish(owner, uuidv7())).rejects.toMatchObject({ code: 'not_found' })
  })

  it('keeps the upload where something else is wrong', async () => {
    const { owner } = await makeOffice()
    const content = randomBytes(10)
    const uploadId = await begin(owner, content)
    await appendUpload(owner, { uploadId, offsetBytes: 0, body: arriving(content) })
    const wrong = { name: 'a.txt', audience: ['nobody@example.org'], uploadId }
    await expect(publishFile(owner, wrong)).rejects.toMatchObject({ code: 'invalid' })
    expect((await publish(owner, uploadId)).id).toBe(uploadId)
  })
})

// Last: it moves the clock.
describe('an upload that nobody goes on with', () => {
  it('is gone after a day, and removed; what was gone on with or published stays', async () => {
    const { tenantId, owner } = await makeOffice()
    const content = randomBytes(CHUNK_BYTES + 1)
    const [abandoned, alive, published] = [
      await begin(owner, content),
      await begin(owner, content),
      await begin(owner, content),
    ]
    for (const uploadId of [abandoned, published])
      await appendUpload(owner, { uploadId, offsetBytes: 0, body: arriving(content) })
    await publish(owner, published)
    testingOnlyAdvanceClock(23 * 3_600_000)
    await appendUpload(owner, { uploadId: alive, offsetBytes: 0, body: arriving(content.subarray(0, 5)) })
    testingOnlyAdvanceClock(2 * 3_600_000)
    const gone = { code: 'gone' }
    await expect(getUpload(owner, { uploadId: abandoned })).rejects.toMatchObject(gone)
    await expect(
      appendUpload(owner, { uploadId: abandoned, offsetBytes: 0, body: arriving(content) }),
    ).rejects.toMatchObject(gone)
    await expect(publish(owner, abandoned)).rejects.toMatchObject(gone)
    expect(await removeAbandonedUploads(tenantId)).toBe(1)
    expect(await removeAbandonedUploads(tenantId)).toBe(0)
    expect(await stored(abandoned)).toEqual({ uploads: 0, chunks: 0 })
    expect(await stored(alive)).toEqual({ uploads: 1, chunks: 0 })
    expect(await stored(published)).toEqual({ uploads: 0, chunks: 2 })
  })
})
