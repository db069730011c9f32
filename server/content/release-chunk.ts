import 'server-only'
import { createCipheriv, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { type ReleaseChunkPlace, releaseChunkContext } from '#protocol/device/release.ts'
import type { Actor, DeviceActor } from '#server/kernel/actor.ts'
import { AppError } from '#server/kernel/errors.ts'
import { uuidField } from '#server/kernel/fields.ts'
import { defineQuery, type QueryContext } from '#server/kernel/query.ts'
import { chunkCountOf, fileKeyPlace, openContent, type StoredContent } from './chunks.ts'
import { answeringDamage } from './damage.ts'
import { renditionKeyPlace } from './deliverable.ts'
import { requireDevice } from './device-request.ts'
import { alertingDamage } from './integrity.ts'
import { inAudience } from './rows.ts'

const IV_BYTES = 12

const chunkInput = z.strictObject({ releaseId: uuidField(), number: z.int().min(0).max(1_000_000) })

type Grant = {
  fileId: string
  contentId: string
  rootContentId: string
  sizeBytes: string
  contentKey: string
  expiresAt: Date | string
  isServed: boolean
  isShared: boolean
  fileKey: string | null
  /** Of what was made to be shown, where the grant is for that. */
  renditionKey: string | null
  isRendition: boolean
}

const chunkOfRelease = defineQuery({
  name: 'file.release_chunk',
  permission: 'device',
  input: chunkInput,
  run: (context): Promise<Buffer> => answeringDamage(() => readChunk(context)),
})

/**
 * One chunk of a release, sealed under its content key: iv ‖ ciphertext ‖ tag. Whether the enrolment is still served and the
 * person may still have the file is looked at for each. Index: primary keys.
 * @throws AppError not_found · gone when the release is over · device_revoked · content_damaged
 */
export async function getReleaseChunk(actor: Actor, input: z.input<typeof chunkInput>): Promise<Buffer> {
  return alertingDamage(actor, undefined, () => chunkOfRelease(actor, input))
}

async function readChunk(context: QueryContext<z.output<typeof chunkInput>>): Promise<Buffer> {
  const { tenantId, input, now } = context
  const actor = requireDevice(context.actor)
  const grant = await readGrant(context, actor)
  if (!grant) throw new AppError('not_found', { detail: 'There is no such release.' })
  if (!grant.isServed) throw new AppError('device_revoked')
  if (new Date(grant.expiresAt) <= now || !grant.isShared) {
    throw new AppError('gone', { detail: 'This release is over: ask for the file again.' })
  }
  const { releaseId, number } = input
  const count = chunkCountOf(Number(grant.sizeBytes))
  if (number >= count) throw new AppError('not_found', { detail: `This release has ${count} chunks.` })
  const content = await openContent(context, storedOf(tenantId, grant))
  const plain = await content.read(number)
  const key = (await context.vault()).open(
    Buffer.from(grant.contentKey, 'hex'),
    'file_release_grant',
    'content_key',
    releaseId,
  )
  const { deviceId, enrollmentId } = actor
  const isLast = number === count - 1
  return sealChunk(key, plain, { tenantId, deviceId, enrollmentId, fileId: grant.fileId, releaseId, number, isLast })
}

async function readGrant(
  { sql, tenantId, input }: QueryContext<z.output<typeof chunkInput>>,
  { deviceId, enrollmentId }: DeviceActor,
): Promise<Grant | undefined> {
  const [grant] = await sql<Grant>(
    `SELECT g.file_id::text AS "fileId", g.content_id::text AS "contentId", g.size_bytes::text AS "sizeBytes",
            encode(g.content_key, 'hex') AS "contentKey", g.expires_at AS "expiresAt", f.content_id::text AS "rootContentId",
            d.status = 'active' AND d.enrollment_id = g.enrollment_id AND p.status <> 'suspended' AS "isServed",
            f.status = 'published' AND ${inAudience('g.person_id')} AS "isShared",
            encode(f.file_key, 'hex') AS "fileKey", r.content_id IS NOT NULL AS "isRendition", encode(r.file_key, 'hex') AS "renditionKey"
       FROM file_release_grant g
       JOIN device d ON d.tenant_id = g.tenant_id AND d.id = g.device_id
       JOIN person p ON p.tenant_id = g.tenant_id AND p.id = g.person_id
       JOIN file f ON f.tenant_id = g.tenant_id AND f.id = g.file_id
       LEFT JOIN file_rendition r ON r.tenant_id = g.tenant_id AND r.content_id = f.content_id AND r.rendition_content_id = g.content_id
      WHERE g.tenant_id = $1::uuid AND g.id = $2::uuid AND g.device_id = $3::uuid AND g.enrollment_id = $4::uuid`,
    [tenantId, input.releaseId, deviceId, enrollmentId],
  )
  return grant
}

/** @throws AppError gone where what was granted has been made anew or destroyed since */
function storedOf(tenantId: string, grant: Grant): StoredContent {
  const { contentId, rootContentId, isRendition, renditionKey, fileKey } = grant
  const wrapped = isRendition ? renditionKey : fileKey
  if (wrapped === null || (!isRendition && contentId !== rootContentId)) throw new AppError('gone')
  const keyPlace = isRendition ? renditionKeyPlace(rootContentId) : fileKeyPlace(grant.fileId)
  return { tenantId, contentId, keyPlace, wrapped: Buffer.from(wrapped, 'hex'), sizeBytes: Number(grant.sizeBytes) }
}

/** The bytes of protocol/device/release.ts, by the faster cipher of Node. */
export function sealChunk(key: Buffer, plain: Buffer, place: ReleaseChunkPlace): Buffer {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, iv)
  cipher.setAAD(Buffer.from(releaseChunkContext(place)))
  return Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}
