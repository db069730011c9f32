import { z } from 'zod'
import { isUuid } from '#lib/uuid.ts'
import { emailField, labelsField, pageFields, textField, uuidField } from '#server/kernel/fields.ts'

/** A file may have this many bytes; a larger one is refused with 413 before it is read. */
export const MAX_FILE_BYTES = 200 * 1024 * 1024
/** What one organisation may have on its way in at once. */
export const MAX_OPEN_UPLOADS = 200
export const MAX_OPEN_UPLOAD_BYTES = 8 * 1024 ** 3
export const MAX_AUDIENCE = 500

/** A name as a person reads it, never a path. */
const fileName = textField({ max: 255 })
  .refine((name) => !/[/\\]/.test(name), 'may not hold / or \\')
  // Some systems drop it, and the name becomes another one; `.` and `..` are no names at all.
  .refine((name) => !name.endsWith('.'), 'may not end in a dot')

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

const STAGED: unique symbol = Symbol.for('gatehouse.staged-content')

/** A content that was stored as it came, before anybody asked for its publication. In a request's hash it stands by its digest. */
export type StagedContent = { readonly [STAGED]: string; toJSON(): string }

/** Only the server makes one: nothing that came as JSON has a symbol. */
export function stagedContent(uploadId: string, sha256: string): StagedContent {
  return { [STAGED]: uploadId, toJSON: () => sha256 }
}

/** The upload that holds it. */
export function uploadOf(content: StagedContent): string {
  return content[STAGED]
}

function isStaged(value: unknown): value is StagedContent {
  return typeof value === 'object' && value !== null && STAGED in value
}

// A plain Uint8Array, never a Buffer: what a request is hashed by would write a Buffer out number by number.
const contentField = z
  .custom<Uint8Array | StagedContent>((value) => value instanceof Uint8Array || isStaged(value), 'is required')
  .transform((content) =>
    isStaged(content) ? content : new Uint8Array(content.buffer, content.byteOffset, content.byteLength),
  )
  .refine((content) => isStaged(content) || content.byteLength > 0, 'is empty')
  .refine(
    (content) => isStaged(content) || content.byteLength <= MAX_FILE_BYTES,
    `may have at most ${MAX_FILE_BYTES} bytes`,
  )

const publishMembers = {
  name: fileName,
  /** Default: what the upload was declared as, or bytes without a type. */
  mediaType: mediaType.optional(),
  labels: labelsField().default([]),
  audience: audienceField,
}

/** The bytes themselves, or an upload that is complete: exactly one. */
export const publishFileInput = z
  .strictObject({ ...publishMembers, content: contentField.optional(), uploadId: uuidField().optional() })
  .refine(({ content, uploadId }) => content || uploadId, { path: ['uploadId'], message: 'is required' })
  .refine(({ content, uploadId }) => !content || !uploadId, {
    path: ['uploadId'],
    message: 'cannot stand beside content',
  })

/** An upload's name and type are hints: what counts is given when it is published. */
export const createUploadInput = z.strictObject({
  sizeBytes: z.int('is not a number of bytes').min(1, 'is empty'),
  name: fileName.optional(),
  mediaType: mediaType.optional(),
})
export const uploadInput = z.object({ uploadId: uuidField() })

/** An upload under way. */
export type UploadView = {
  id: string
  /** Null while it is not known. */
  sizeBytes: number | null
  /** What has been stored; the next byte goes here. */
  offsetBytes: number
  /** It is removed then, unless something arrives. */
  expiresAt: Date
}

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

/** Files whose stored content does not open. */
export type DamagedFiles = { items: Named[] }

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
