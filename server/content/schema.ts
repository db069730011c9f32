import { z } from 'zod'
import { isUuid } from '#lib/uuid.ts'
import { emailField, labelsField, pageFields, textField, uuidField } from '#server/kernel/fields.ts'

/** A file may have this many bytes; a larger one is refused with 413 before it is read. */
export const MAX_FILE_BYTES = 200 * 1024 * 1024
export const MAX_AUDIENCE = 500

/** A name as a person reads it, never a path. */
const fileName = textField({ max: 255 })
  .refine((name) => !/[/\\]/.test(name), 'may not hold / or \\')
  .refine((name) => name !== '.' && name !== '..', 'is not a name')

const mediaType = z
  .string()
  .max(127)
  .regex(/^[a-zA-Z0-9][\w.+-]{0,62}\/[a-zA-Z0-9][\w.+-]{0,62}$/, 'is not a media type such as application/pdf')
  .transform((type) => type.toLowerCase())

/** Somebody of the organisation, by id or by address. */
const recipient = textField({ max: 254 }).transform((text, context): { by: 'id' | 'email'; value: string } => {
  if (isUuid(text)) return { by: 'id', value: text }
  const email = emailField().safeParse(text)
  if (email.success) return { by: 'email', value: email.data }
  context.issues.push({ code: 'custom', message: 'is neither a person’s id nor an address', input: text })
  return z.NEVER
})

/** `everyone`, or who of the organisation may have it. */
const audienceField = z.union([
  z.literal('everyone'),
  z
    .array(recipient)
    .min(1, 'needs at least one person, or everyone')
    .max(MAX_AUDIENCE, `may have at most ${MAX_AUDIENCE} people`),
])
export type Audience = z.output<typeof audienceField>

// A plain Uint8Array, never a Buffer: what a request is hashed by would write a Buffer out number by number.
const contentField = z
  .custom<Uint8Array>((value) => value instanceof Uint8Array, 'is required')
  .refine((bytes) => bytes.byteLength <= MAX_FILE_BYTES, `may have at most ${MAX_FILE_BYTES} bytes`)
  .transform((bytes) => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength))

export const publishFileInput = z.strictObject({
  name: fileName,
  mediaType: mediaType.default('application/octet-stream'),
  labels: labelsField().default([]),
  audience: audienceField,
  content: contentField,
})

export const fileInput = z.object({ fileId: uuidField() })
export const updateAudienceInput = z.strictObject({ fileId: uuidField(), audience: audienceField })

/** Why a file goes, in the order a person looks for it; the API takes any text. */
export const DELETE_REASONS = ['obsolete', 'mistake', 'retention', 'incident', 'other'] as const
export const deleteFileInput = z.strictObject({ fileId: uuidField(), reason: textField({ max: 500 }) })

export const FILE_STATUSES = ['published', 'deleting', 'deleted'] as const
export type FileStatus = (typeof FILE_STATUSES)[number]
export const FILE_SORTS = ['-created', 'created', 'name', '-name'] as const

/** Without `status`, every file that is not deleted. */
export const listFilesInput = z.object({
  q: textField({ min: 0, max: 200 }).optional(),
  label: textField({ min: 0, max: 40 }).optional(),
  status: z.enum(FILE_STATUSES).optional(),
  person: uuidField().optional(),
  sort: z.enum(FILE_SORTS).default('-created'),
  ...pageFields,
})

export const deviceFilesInput = z.object({ limit: pageFields.limit.default(200), cursor: pageFields.cursor })

export const RELEASE_PURPOSES = ['view', 'download'] as const
export const releaseInput = z.strictObject({ fileId: uuidField(), purpose: z.enum(RELEASE_PURPOSES).default('view') })
export const forwardInput = z.strictObject({ fileId: uuidField(), to: emailField() })

type Named = { id: string; name: string }

export type FileView = {
  id: string
  name: string
  mediaType: string
  sizeBytes: number
  labels: string[]
  status: FileStatus
  /** `people` counts those named; it is 0 for everyone. */
  audience: { everyone: boolean; people: number }
  publishedBy: Named | null
  publishedAt: Date
  deletedAt: Date | null
  /** Under which its chunks lie: its own id, or its root's. */
  contentId: string
  /** The first of its lineage: itself, unless it was derived. */
  rootId: string
  /** The file it was forwarded from. */
  derivedFrom: string | null
  /** Since when its stored content is known not to open. */
  damagedAt: Date | null
}

export type FilePage = { items: FileView[]; nextCursor: string | null; total: { value: number; capped: boolean } }

export type FileHolder = {
  device: Named & { status: string }
  person: Named
  firstAt: Date
  lastAt: Date
  times: number
}

/** An open request to delete it. */
export type FileDeletion = {
  requestId: string
  state: string
  reason: string
  requestedBy: string
  notBefore: Date | null
}

export type FileDetail = FileView & {
  sha256: string
  /** At most the first 200 of `audience.people`. */
  people: (Named & { email: string })[]
  /** Enrolments that were handed it, latest first, at most 200; `holderCount` counts all. */
  holders: FileHolder[]
  holderCount: number
  deletion: FileDeletion | null
}

/** Why something cannot be done with a file; keys of messages `files.cannot`. */
export type FileRefusal = 'deleting' | 'deleted'

/** What may be done with a file: `true`, or why not. The commands ask the same. */
export const fileCan = {
  delete: (file: Pick<FileView, 'status'>): true | FileRefusal => (file.status === 'published' ? true : file.status),
  updateAudience: (file: Pick<FileView, 'status'>): true | FileRefusal =>
    file.status === 'published' ? true : file.status,
} as const
