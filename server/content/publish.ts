import 'server-only'
import { createHash } from 'node:crypto'
import type { z } from 'zod'
import { isUuid, uuidv7 } from '#lib/uuid.ts'
import { filesTopics } from '#server/devices/schema.ts'
import { type Actor, actorId, isPermitted } from '#server/kernel/actor.ts'
import { type Command, type CommandContext, type CommandOptions, defineCommand } from '#server/kernel/command.ts'
import { pgTransaction } from '#server/kernel/db.ts'
import { AppError, isAppError } from '#server/kernel/errors.ts'
import { sha256 } from '#server/kernel/keys.ts'
import { addToAudience, audienceText, resolveAudience } from './audience.ts'
import {
  chunkCountOf,
  fileKeyPlace,
  IntegrityError,
  makeContentKey,
  openChunk,
  rewrapContentKey,
  writeChunks,
} from './chunks.ts'
import { inspectJob } from './render/job-key.ts'
import { readFileView } from './rows.ts'
import {
  type FileView,
  MAX_FILE_BYTES,
  publishFileInput,
  type StagedContent,
  stagedContent,
  uploadOf,
} from './schema.ts'
import { appendBytes, type OpenUpload, openUpload } from './staging.ts'
import { discardUpload, insertUpload, requireUploader, tooLarge } from './uploads.ts'

type PublishInput = z.input<typeof publishFileInput>
type Publish = CommandContext<z.output<typeof publishFileInput>>

const publish = defineCommand({
  action: 'file.publish',
  permission: 'content:write',
  risk: 'reversible',
  input: publishFileInput,
  execute: async (context) => {
    const { tx, sql, tenantId, actor, input, now } = context
    const { name, labels } = input
    const audience = await resolveAudience(context, input.audience)
    const { id, digest, sizeBytes, wrapped, mediaType } = await takeContent(context)
    await tx.file.create({
      data: {
        tenantId,
        id,
        name,
        mediaType,
        labels,
        publishedBy: actor.kind === 'person' ? actor.personId : null,
        sizeBytes,
        sha256: digest,
        everyone: audience.everyone,
        fileKey: wrapped,
        contentId: id,
        rootId: id,
        status: 'published',
        createdAt: now,
      },
      select: { id: true },
    })
    if (!audience.everyone) await addToAudience(sql, tenantId, id, audience.people)
    const detail = {
      mediaType,
      sizeBytes: String(sizeBytes),
      sha256: Buffer.from(digest).toString('hex'),
      audience: audienceText(audience),
    }
    return {
      result: await readFileView(context, id),
      audit: { action: 'file.publish', target: { type: 'file', id, name }, labels, detail },
      jobs: [inspectJob(tenantId, id)],
      notify: filesTopics(audience),
    }
  },
})

type Bytes = Uint8Array<ArrayBuffer>
type Taken = { id: string; digest: Bytes; sizeBytes: bigint; wrapped: Bytes; mediaType: string }

const NO_TYPE = 'application/octet-stream'

/** The content becomes the file's: written now, or taken over from its upload, where it lies already. */
async function takeContent(context: Publish): Promise<Taken> {
  const { content, uploadId, mediaType } = context.input
  if (content instanceof Uint8Array) return writeContent(context, content)
  const taken = await takeUpload(context, content ? uploadOf(content) : (uploadId ?? ''))
  return { ...taken, mediaType: mediaType ?? taken.mediaType ?? NO_TYPE }
}

async function writeContent(context: Publish, content: Uint8Array): Promise<Taken> {
  const { tx, tenantId, now, input } = context
  const id = uuidv7(now.getTime())
  const { key, wrapped } = makeContentKey(await context.vault(), fileKeyPlace(id))
  await writeChunks(tx, { tenantId, contentId: id }, key, content)
  const digest = new Uint8Array(sha256(content))
  return { id, digest, sizeBytes: BigInt(content.length), wrapped, mediaType: input.mediaType ?? NO_TYPE }
}

type UploadRow = { sha256: Bytes; sizeBytes: string; fileKey: Bytes; mediaType: string | null }

/** Of two who publish one upload, one deletes its row. */
async function takeUpload(context: Publish, uploadId: string) {
  const { sql, tenantId, actor, now } = context
  const [row] = await sql<UploadRow>(
    `DELETE FROM file_upload WHERE tenant_id = $1::uuid AND id = $2::uuid AND actor_kind = $3::text AND actor_id = $4::text
        AND expires_at > $5::text::timestamptz AND offset_bytes = size_bytes AND sha256 IS NOT NULL
     RETURNING sha256, size_bytes::text AS "sizeBytes", file_key AS "fileKey", media_type AS "mediaType"`,
    [tenantId, uploadId, actor.kind, actorId(actor), now.toISOString()],
  )
  if (!row) throw await notTaken(context, uploadId)
  const { sizeBytes, fileKey, sha256: digest, mediaType } = row
  // Sealed anew, not copied: since the upload began the organisation's data key may have been rotated.
  const keyPlace = fileKeyPlace(uploadId)
  const wrapped = rewrapContentKey(await context.vault(), { contentId: uploadId, wrapped: fileKey, keyPlace }, keyPlace)
  return { id: uploadId, digest, sizeBytes: BigInt(sizeBytes), wrapped, mediaType }
}

async function notTaken({ tx, tenantId, actor }: Publish, uploadId: string): Promise<AppError> {
  if (await tx.file.findFirst({ where: { tenantId, id: uploadId }, select: { id: true } }))
    return new AppError('conflict', {
      detail: 'uploadId: was published already',
      fields: { uploadId: 'was published already' },
    })
  try {
    const { offsetBytes, sizeBytes } = await openUpload(actor, uploadId)
    const problem = `is not complete: ${offsetBytes} of ${sizeBytes ?? 'unknown'} bytes have arrived`
    return new AppError('conflict', { detail: `uploadId: ${problem}`, fields: { uploadId: problem } })
  } catch (error) {
    if (isAppError(error)) return error
    throw error
  }
}

/**
 * Publishes a file for its audience: with the bytes at hand (written with the entry, or not at all), or from an upload that is
 * complete. Its inspection follows as a job.
 * @throws AppError invalid, naming the field · not_found, gone or conflict for an upload that is none, too old or not complete
 */
export const publishFile: Command<PublishInput, FileView> = Object.assign(
  async (actor: Actor, input: PublishInput, options?: CommandOptions): Promise<FileView> => {
    if (typeof input.uploadId === 'string' && isUuid(input.uploadId) && isPermitted(actor, 'content:write'))
      await completeDigest(actor, input.uploadId)
    return publish(actor, input, options)
  },
  { summary: publish.summary, requestHash: publish.requestHash },
)

/**
 * The SHA-256 of an upload that came in parts: read once, chunk by chunk. Whatever is wrong with the upload is said by the
 * command. @throws AppError conflict when what is stored does not open
 */
async function completeDigest(actor: Actor, uploadId: string): Promise<void> {
  const upload = await openUpload(actor, uploadId).catch((error: unknown) => {
    if (isAppError(error)) return null
    throw error
  })
  if (!upload || upload.sha256 || upload.offsetBytes !== upload.sizeBytes) return
  const digest = await digestOf(upload, upload.sizeBytes)
  await pgTransaction('writer', actor.tenantId, (_client, sql) =>
    sql('UPDATE file_upload SET sha256 = $3 WHERE tenant_id = $1 AND id = $2 AND offset_bytes = size_bytes', [
      actor.tenantId,
      uploadId,
      digest,
    ]),
  )
}

async function digestOf({ tenantId, id: contentId, key }: OpenUpload, sizeBytes: number): Promise<Buffer> {
  const hash = createHash('sha256')
  for (let number = 0; number < chunkCountOf(sizeBytes); number++) {
    const [row] = await pgTransaction('reader', tenantId, (_client, sql) =>
      sql<{ bytes: Buffer }>('SELECT bytes FROM file_chunk WHERE tenant_id = $1 AND content_id = $2 AND number = $3', [
        tenantId,
        contentId,
        number,
      ]),
    )
    if (!row) throw new IntegrityError(contentId, `lacks its chunk ${number}`)
    hash.update(openChunk(key, { tenantId, contentId, sizeBytes }, { number, bytes: row.bytes }))
  }
  return hash.digest()
}

/**
 * Publishes a file whose bytes are on their way, with flat memory: they are stored as they come, and `rest` is asked when they
 * have ended. What is not published is removed again.
 * @throws AppError forbidden · too_large · invalid naming `file`
 */
export async function publishStream(
  actor: Actor,
  body: AsyncIterable<Uint8Array>,
  rest: () => Promise<Omit<PublishInput, 'content' | 'uploadId'>>,
  options?: CommandOptions,
): Promise<FileView> {
  await requireUploader(actor)
  const { id } = await insertUpload(actor, { sizeBytes: null })
  try {
    const content = await stageBody(actor, id, body)
    return await publish(actor, { ...(await rest()), content }, options)
  } finally {
    await discardUpload(actor.tenantId, id)
  }
}

async function stageBody(actor: Actor, uploadId: string, body: AsyncIterable<Uint8Array>): Promise<StagedContent> {
  const upload = await appendBytes(await openUpload(actor, uploadId), { body, room: MAX_FILE_BYTES, tooLarge })
  if (upload.offsetBytes === 0 || !upload.sha256)
    throw new AppError('invalid', { detail: 'file: is empty', fields: { file: 'is empty' } })
  return stagedContent(uploadId, upload.sha256.toString('hex'))
}
