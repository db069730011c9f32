import 'server-only'
import { createHash, type Hash } from 'node:crypto'
import { type Actor, actorId } from '#server/kernel/actor.ts'
import { now } from '#server/kernel/clock.ts'
import { pgTransaction, readTransaction } from '#server/kernel/db.ts'
import { AppError, isAppError } from '#server/kernel/errors.ts'
import { decrypt, encrypt, type TenantVault, tenantVault } from '#server/kernel/keys.ts'
import { CHUNK_BYTES, fileKeyPlace, openContentKey, sealChunk } from './chunks.ts'
import type { UploadView } from './schema.ts'

/** An upload that nobody has gone on with for this long is removed. */
export const UPLOAD_LIFETIME_MS = 24 * 3_600_000

/** An upload with its key: what is needed to go on with it. */
export type OpenUpload = {
  tenantId: string
  id: string
  name: string | null
  mediaType: string | null
  /** Null until a form has ended. */
  sizeBytes: number | null
  /** What is stored for certain: whole chunks, then the tail. */
  offsetBytes: number
  tail: Buffer
  sha256: Buffer | null
  expiresAt: Date
  key: Buffer
}

type Row = Record<'name' | 'mediaType' | 'sizeBytes', string | null> &
  Record<'fileKey' | 'offsetBytes', string> & { tail: string | null; sha256: string | null; expiresAt: Date }

/** The upload of exactly this actor. @throws AppError not_found · gone */
export async function openUpload(actor: Actor, uploadId: string): Promise<OpenUpload> {
  const { tenantId } = actor
  const { row, key } = await readTransaction(tenantId, async ({ tx, sql }) => {
    const [found] = await sql<Row>(
      `SELECT name, media_type AS "mediaType", size_bytes::text AS "sizeBytes", offset_bytes::text AS "offsetBytes", encode(tail, 'hex') AS tail,
              encode(sha256, 'hex') AS sha256, encode(file_key, 'hex') AS "fileKey", expires_at AS "expiresAt"
         FROM file_upload WHERE tenant_id = $1::uuid AND id = $2::uuid AND actor_kind = $3::text AND actor_id = $4::text`,
      [tenantId, uploadId, actor.kind, actorId(actor)],
    )
    return {
      row: found,
      key: found ? openKey(await tenantVault(tx, tenantId), uploadId, found.fileKey) : Buffer.alloc(0),
    }
  })
  if (!row) throw new AppError('not_found', { detail: 'There is no such upload.' })
  if (row.expiresAt <= now()) throw new AppError('gone', { detail: 'Nobody went on with this upload for a day.' })
  const offsetBytes = Number(row.offsetBytes)
  const tail =
    row.tail === null
      ? Buffer.alloc(0)
      : decrypt(key, Buffer.from(row.tail, 'hex'), tailPlace(tenantId, uploadId, offsetBytes))
  return {
    tenantId,
    id: uploadId,
    name: row.name,
    mediaType: row.mediaType,
    sizeBytes: row.sizeBytes === null ? null : Number(row.sizeBytes),
    offsetBytes,
    tail,
    sha256: row.sha256 === null ? null : Buffer.from(row.sha256, 'hex'),
    expiresAt: row.expiresAt,
    key,
  }
}

/** Inside the transaction that read it: a key that was rotated meanwhile is read again there. */
function openKey(vault: TenantVault, contentId: string, fileKey: string): Buffer {
  return openContentKey(vault, { contentId, wrapped: Buffer.from(fileKey, 'hex'), keyPlace: fileKeyPlace(contentId) })
}

export function viewUpload({ id, sizeBytes, offsetBytes, expiresAt }: OpenUpload): UploadView {
  return { id, sizeBytes, offsetBytes, expiresAt }
}

/** The tail is bound to where it ends: an older one put back does not open. */
function tailPlace(tenantId: string, uploadId: string, offsetBytes: number): string[] {
  return [tenantId, 'file_upload', 'tail', uploadId, String(offsetBytes)]
}

type Bytes = { body: AsyncIterable<Uint8Array> /** How many may come. */; room: number; tooLarge: () => AppError }

/**
 * Takes what comes: whole chunks are stored as they fill, the rest as the last chunk when the content is complete, else as the
 * tail. A crash here loses at most the bytes since the last chunk; the offset never says more than is stored.
 */
export async function appendBytes(upload: OpenUpload, { body, room, tooLarge }: Bytes): Promise<OpenUpload> {
  const writer = stageWriter(upload)
  let received = 0
  try {
    for await (const piece of body) {
      received += piece.byteLength
      if (received > room) throw tooLarge()
      await writer.push(piece)
    }
  } catch (error) {
    if (isAppError(error)) throw error
    // The sender is gone: what has arrived waits for the next one.
    await writer.pause()
    throw new AppError('invalid', { detail: 'body: was cut off', fields: { body: 'was cut off' } })
  }
  const isComplete = upload.sizeBytes === null || upload.offsetBytes + received === upload.sizeBytes
  return isComplete ? writer.finish() : writer.pause()
}

/** Fills one buffer of a chunk. A full one is held until more comes: only then is it known not to be the last. */
function stageWriter(upload: OpenUpload) {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
  let filled = upload.tail.copy(buffer)
  let number = (upload.offsetBytes - filled) / CHUNK_BYTES
  let state = upload
  // A hash cannot be taken up again: a content that came in parts is read once more before it is published.
  const hash: Hash | null = upload.offsetBytes === 0 ? createHash('sha256') : null

  const writeChunk = async (isLast: boolean) => {
    const bytes = sealChunk(
      state.key,
      { tenantId: state.tenantId, contentId: state.id },
      { number, isLast, plain: buffer.subarray(0, filled) },
    )
    state = await advance(state, {
      offsetBytes: number * CHUNK_BYTES + filled,
      chunk: { number, bytes },
      sha256: isLast && hash ? hash.digest() : null,
      isLast,
    })
    number += 1
    filled = 0
  }

  return {
    async push(piece: Uint8Array): Promise<void> {
      hash?.update(piece)
      for (let at = 0; at < piece.byteLength; ) {
        if (filled === CHUNK_BYTES) await writeChunk(false)
        const part = piece.subarray(at, at + CHUNK_BYTES - filled)
        buffer.set(part, filled)
        filled += part.byteLength
        at += part.byteLength
      }
    },
    /** The content ends here. */
    async finish(): Promise<OpenUpload> {
      await writeChunk(true)
      return state
    },
    /** Keeps what has come since the last whole chunk. */
    async pause(): Promise<OpenUpload> {
      const offsetBytes = number * CHUNK_BYTES + filled
      if (offsetBytes === state.offsetBytes) return state
      const tail = encrypt(state.key, buffer.subarray(0, filled), tailPlace(state.tenantId, state.id, offsetBytes))
      state = await advance(state, { offsetBytes, tail })
      return state
    },
  }
}

type Step = { offsetBytes: number } & (
  | { chunk: { number: number; bytes: Buffer }; sha256: Buffer | null; isLast: boolean; tail?: never }
  | { tail: Buffer; chunk?: never }
)

/** A conditional step from where the upload stood: of two who go on with it, one does. @throws AppError conflict */
async function advance(upload: OpenUpload, step: Step): Promise<OpenUpload> {
  const { tenantId, id } = upload
  const expiresAt = new Date(now().getTime() + UPLOAD_LIFETIME_MS)
  const { sha256, isLast } = step.chunk ? step : { sha256: null, isLast: false }
  const values = [
    tenantId,
    id,
    upload.offsetBytes,
    step.offsetBytes,
    step.tail ?? null,
    sha256,
    isLast ? step.offsetBytes : null,
    expiresAt,
  ]
  const moved = await pgTransaction('writer', tenantId, (_client, sql) =>
    step.chunk ? sql(`${STORE_CHUNK}`, [...values, step.chunk.number, step.chunk.bytes]) : sql(MOVE, values),
  )
  if (moved.length === 1)
    return {
      ...upload,
      offsetBytes: step.offsetBytes,
      expiresAt,
      sha256,
      sizeBytes: isLast ? step.offsetBytes : upload.sizeBytes,
    }
  throw new AppError('conflict', {
    detail: 'Somebody else went on with this upload, or it was removed. Ask where it stands.',
  })
}

const MOVE = `UPDATE file_upload SET offset_bytes = $4, tail = $5::bytea, sha256 = $6::bytea, size_bytes = coalesce(size_bytes, $7::bigint), expires_at = $8
  WHERE tenant_id = $1 AND id = $2 AND offset_bytes = $3 RETURNING id`
const STORE_CHUNK = `WITH moved AS (${MOVE})
  INSERT INTO file_chunk (tenant_id, content_id, number, bytes) SELECT $1, id, $9, $10 FROM moved RETURNING number`
