import 'server-only'
import type { z } from 'zod'
import { uuidv7 } from '#lib/uuid.ts'
import { type Actor, actorId, requirePermission } from '#server/kernel/actor.ts'
import { now } from '#server/kernel/clock.ts'
import { pgTransaction, type Sql, unsafeWriteTransaction } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { parseInput } from '#server/kernel/fields.ts'
import { tenantVault } from '#server/kernel/keys.ts'
import { recordingRefusals } from '#server/kernel/refusals.ts'
import { fileKeyPlace, makeContentKey } from './chunks.ts'
import {
  createUploadInput,
  MAX_FILE_BYTES,
  MAX_OPEN_UPLOAD_BYTES,
  MAX_OPEN_UPLOADS,
  type UploadView,
  uploadInput,
} from './schema.ts'
import { appendBytes, openUpload, UPLOAD_LIFETIME_MS, viewUpload } from './staging.ts'

/**
 * Whoever may publish may upload; a refusal is an entry, as if the file had been published. An upload itself is none: nothing has
 * been done with it until it is published. @throws AppError forbidden
 */
export async function requireUploader(actor: Actor): Promise<void> {
  await recordingRefusals({ actor, action: 'file.publish', name: 'file.publish', target: undefined }, async () =>
    requirePermission(actor, 'content:write'),
  )
}

/**
 * Begins an upload: a place and a key for a content of `sizeBytes`, good for a day after the last byte.
 * @throws AppError forbidden · invalid · too_large · rate_limited when the organisation has too many open
 */
export async function createUpload(actor: Actor, raw: z.input<typeof createUploadInput>): Promise<UploadView> {
  await requireUploader(actor)
  const input = parseInput(createUploadInput, raw)
  if (input.sizeBytes > MAX_FILE_BYTES) throw tooLarge()
  return insertUpload(actor, input)
}

type Declared = { sizeBytes: number | null; name?: string | undefined; mediaType?: string | undefined }

/** `sizeBytes` is null where the sender does not know it beforehand. */
export async function insertUpload(actor: Actor, declared: Declared): Promise<UploadView> {
  const { tenantId } = actor
  const at = now()
  return unsafeWriteTransaction(tenantId, async ({ tx, sql }) => {
    await requireRoom(sql, tenantId, { at, sizeBytes: declared.sizeBytes ?? MAX_FILE_BYTES })
    const id = uuidv7(at.getTime())
    const { wrapped } = makeContentKey(await tenantVault(tx, tenantId), fileKeyPlace(id))
    const expiresAt = new Date(at.getTime() + UPLOAD_LIFETIME_MS)
    const { sizeBytes, name, mediaType } = declared
    await sql(
      `INSERT INTO file_upload (tenant_id, id, actor_kind, actor_id, name, media_type, size_bytes, file_key, created_at, expires_at)
       VALUES ($1::uuid, $2::uuid, $3::text, $4::text, $5::text, $6::text, $7::text::bigint, decode($8::text, 'hex'), $9::text::timestamptz, $10::text::timestamptz)`,
      [
        ...[tenantId, id, actor.kind, actorId(actor), name ?? null, mediaType ?? null, sizeBytes?.toString() ?? null],
        ...[Buffer.from(wrapped).toString('hex'), at.toISOString(), expiresAt.toISOString()],
      ],
    )
    return { id, sizeBytes, offsetBytes: 0, expiresAt }
  })
}

/** One after the other: two that begin at once cannot both take the last place. */
async function requireRoom(
  sql: Sql,
  tenantId: string,
  { at, sizeBytes }: { at: Date; sizeBytes: number },
): Promise<void> {
  await sql(`SELECT pg_advisory_xact_lock(hashtextextended('gatehouse.file_upload/' || $1::text, 0))::text`, [tenantId])
  const [open] = await sql<{ count: number; bytes: string }>(
    `SELECT count(*)::int AS count, coalesce(sum(coalesce(size_bytes, $3::text::bigint)), 0)::text AS bytes
       FROM file_upload WHERE tenant_id = $1::uuid AND expires_at > $2::text::timestamptz`,
    [tenantId, at.toISOString(), String(MAX_FILE_BYTES)],
  )
  if (open && open.count < MAX_OPEN_UPLOADS && Number(open.bytes) + sizeBytes <= MAX_OPEN_UPLOAD_BYTES) return
  throw new AppError('rate_limited', {
    detail: `Too much is being uploaded already: at most ${MAX_OPEN_UPLOADS} uploads of ${MAX_OPEN_UPLOAD_BYTES / 1024 ** 3} GiB together may be open. Publish or remove some, or wait.`,
    retryAfter: 60,
  })
}

/** How far an upload has come. @throws AppError forbidden · not_found · gone */
export async function getUpload(actor: Actor, raw: z.input<typeof uploadInput>): Promise<UploadView> {
  await requireUploader(actor)
  return viewUpload(await openUpload(actor, parseInput(uploadInput, raw).uploadId))
}

export type Appended = {
  uploadId: string
  /** Where the sender believes the upload stands. */
  offsetBytes: number
  /** As declared, where it was: too much is refused before a byte is read. */
  lengthBytes?: number | undefined
  body: AsyncIterable<Uint8Array>
}

/**
 * Adds bytes to an upload as they arrive. What has arrived when the sender breaks off is kept. Of two who add to the same place,
 * the one whose bytes are stored first goes on. Memory: one chunk.
 * @throws AppError forbidden · not_found · gone · conflict where it stands elsewhere · too_large · invalid naming `body` when cut off
 */
export async function appendUpload(
  actor: Actor,
  { uploadId, offsetBytes, lengthBytes, body }: Appended,
): Promise<UploadView> {
  await requireUploader(actor)
  const upload = await openUpload(actor, parseInput(uploadInput, { uploadId }).uploadId)
  if (upload.offsetBytes !== offsetBytes) throw elsewhere(upload.offsetBytes)
  if (upload.sizeBytes === null) throw elsewhere(upload.offsetBytes)
  const room = upload.sizeBytes - upload.offsetBytes
  if ((lengthBytes ?? 0) > room) throw beyondLength(upload.sizeBytes)
  if (room === 0) return viewUpload(upload)
  return viewUpload(await appendBytes(upload, { body, room, tooLarge: () => beyondLength(upload.sizeBytes ?? 0) }))
}

/** Removes an upload and what has arrived of it. @throws AppError forbidden · not_found · gone */
export async function removeUpload(actor: Actor, raw: z.input<typeof uploadInput>): Promise<void> {
  await requireUploader(actor)
  const { id } = await openUpload(actor, parseInput(uploadInput, raw).uploadId)
  await discardUpload(actor.tenantId, id)
}

/** Removes an upload unless it was published meanwhile: then there is none. */
export async function discardUpload(tenantId: string, uploadId: string): Promise<void> {
  await pgTransaction('writer', tenantId, (_client, sql) => deleteUploads(sql, tenantId, 'id = $2', uploadId))
}

/** Removes what nobody has gone on with for a day; answers how many. */
export async function removeAbandonedUploads(tenantId: string): Promise<number> {
  return pgTransaction('writer', tenantId, (_client, sql) => deleteUploads(sql, tenantId, 'expires_at <= $2', now()))
}

/** Publishing locks the row it takes: one of the two finds it gone, and the chunks belong to the other. */
async function deleteUploads(sql: Sql, tenantId: string, which: string, value: unknown): Promise<number> {
  const gone = await sql<{ id: string }>(
    `DELETE FROM file_upload WHERE tenant_id = $1 AND ${which} RETURNING id::text`,
    [tenantId, value],
  )
  for (const { id } of gone)
    await sql('DELETE FROM file_chunk WHERE tenant_id = $1 AND content_id = $2', [tenantId, id])
  return gone.length
}

function elsewhere(offsetBytes: number): AppError {
  return new AppError('conflict', { detail: `This upload stands at ${offsetBytes}.`, extra: { offsetBytes } })
}

function beyondLength(sizeBytes: number): AppError {
  const problem = `is longer than the ${sizeBytes} bytes that were announced`
  return new AppError('too_large', { detail: `body: ${problem}`, fields: { body: problem } })
}

export function tooLarge(): AppError {
  const problem = `may have at most ${MAX_FILE_BYTES} bytes`
  return new AppError('too_large', { detail: `file: ${problem}`, fields: { file: problem } })
}
