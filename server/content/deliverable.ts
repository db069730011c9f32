import 'server-only'
import type { FileKind, Release } from '#protocol/device/messages.ts'
import type { Sql } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { fileKeyPlace, type StoredContent } from './chunks.ts'
import { type Refusal, type RequestedFile, refuse } from './device-request.ts'

/** A stored content and what a device is told about it. */
export type Deliverable = StoredContent & {
  kind: Release['kind']
  mediaType: string
  /** Hexadecimal. */
  sha256: string
  pages: number | null
}

type Rendition = {
  state: 'pending' | 'ready' | 'refused'
  reason: string | null
  kind: FileKind
  mediaType: string | null
  sizeBytes: string | null
  sha256: string | null
  pages: number | null
  contentId: string | null
  wrapped: string | null
}

/** Where the key of what was made to be shown is sealed. */
export function renditionKeyPlace(contentId: string): StoredContent['keyPlace'] {
  return ['file_rendition', 'file_key', contentId]
}

type Context = { sql: Sql; tenantId: string }

/**
 * What is handed over of a file: the original, or what was made of it to be shown; a refusal where it cannot be shown.
 * @throws AppError unavailable while nobody has looked at it
 */
export async function deliverableOf(
  context: Context,
  { file, isOriginal }: { file: RequestedFile; isOriginal: boolean },
): Promise<Deliverable | Refusal> {
  const original = originalOf(context.tenantId, file)
  if (isOriginal) return original
  const rendition = await readRendition(context, file.contentId)
  if (!rendition || rendition.state === 'pending') {
    throw new AppError('unavailable', { detail: 'The file is still being looked at.', retryAfter: 1 })
  }
  if (rendition.state === 'refused') return notViewable(rendition.reason ?? 'malformed')
  const { kind, pages } = rendition
  if (kind === 'none') return notViewable('unsupported')
  return { ...original, ...renditionContent(file, rendition), kind, pages }
}

function originalOf(tenantId: string, file: RequestedFile): Deliverable {
  return {
    tenantId,
    contentId: file.contentId,
    wrapped: Buffer.from(file.wrapped ?? '', 'hex'),
    keyPlace: fileKeyPlace(file.id),
    sizeBytes: Number(file.sizeBytes),
    kind: 'original',
    mediaType: file.mediaType,
    sha256: file.sha256,
    pages: null,
  }
}

/** Nothing where the original is shown as it is. */
function renditionContent(file: RequestedFile, { contentId, wrapped, mediaType, sizeBytes, sha256 }: Rendition) {
  if (contentId === null) return { mediaType: mediaType ?? file.mediaType }
  return {
    contentId,
    wrapped: Buffer.from(wrapped ?? '', 'hex'),
    keyPlace: renditionKeyPlace(file.contentId),
    sizeBytes: Number(sizeBytes),
    mediaType: mediaType ?? 'application/octet-stream',
    sha256: sha256 ?? '',
  }
}

function notViewable(reason: string): Refusal {
  return refuse('not_viewable', 'This file cannot be shown here.', reason, reason)
}

async function readRendition({ sql, tenantId }: Context, contentId: string): Promise<Rendition | undefined> {
  const [row] = await sql<Rendition>(
    `SELECT state, reason, kind, media_type AS "mediaType", size_bytes::text AS "sizeBytes", encode(sha256, 'hex') AS sha256, pages,
            rendition_content_id::text AS "contentId", encode(file_key, 'hex') AS wrapped
       FROM file_rendition WHERE tenant_id = $1::uuid AND content_id = $2::uuid`,
    [tenantId, contentId],
  )
  return row
}
