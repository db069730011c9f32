import { z } from 'zod'
import { PLATFORMS } from '#protocol/policy/platforms.ts'
import { base64urlOf, compactJose, id, lineOfName, lineOfText, time } from './fields.ts'
import { jwksSchema, publicJwkSchema } from './keys.ts'

// What a device sends is read strictly (a stray member is a mistake); what a server answers is read leniently, so that an
// older agent understands a newer server.

/** Most lines, bytes and bytes per line in one `POST events`. */
export const EVENT_LIMITS = { lines: 5_000, bytes: 8 * 1024 * 1024, lineBytes: 32 * 1024 } as const

export const DEVICE_STATUSES = ['pending', 'active', 'blocked', 'wiping', 'wiped', 'retired'] as const

export const capabilitiesSchema = z.strictObject({
  eraseVault: z.boolean(),
  eraseDevice: z.boolean(),
  lock: z.boolean(),
  detectCapture: z.boolean(),
  /** The app states that it uses its platform's capture protection; see protocol/policy/platforms.ts. */
  preventCapture: z.boolean(),
  keyStore: z.enum(['file', 'os', 'hardware']),
})

export type DeviceCapabilities = z.infer<typeof capabilitiesSchema>

/** The connection as the client sees it; `group` where its TLS library tells (X25519, X25519MLKEM768 …). */
export const clientTlsSchema = z.strictObject({
  protocol: z.string().regex(/^TLSv1\.[0-9]$/, 'must be such as TLSv1.3'),
  cipher: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  group: z
    .string()
    .regex(/^[A-Za-z0-9_.-]{1,64}$/)
    .optional(),
})

export type ClientTls = z.infer<typeof clientTlsSchema>

export const factsSchema = z.strictObject({
  name: lineOfName(100),
  platform: z.enum(PLATFORMS),
  osVersion: lineOfName(64),
  appVersion: lineOfName(64),
  model: lineOfName(100).optional(),
  serial: lineOfName(100).optional(),
  capabilities: capabilitiesSchema.optional(),
})

export type DeviceFacts = z.infer<typeof factsSchema>

const deviceKeysSchema = z.strictObject({ sign: publicJwkSchema, seal: publicJwkSchema })

/** `POST enroll`. */
export const enrollRequestSchema = z.strictObject({
  code: z
    .string()
    .min(1)
    .max(200)
    .regex(/^[\x21-\x7e]+$/, 'must be the code as it was shown'),
  keys: deviceKeysSchema,
  facts: factsSchema,
})

export type EnrollRequest = z.infer<typeof enrollRequestSchema>

/** 201 to `POST enroll`. */
export const enrollResponseSchema = z.object({
  deviceId: id,
  enrollmentId: id,
  tenantId: id,
  status: z.enum(DEVICE_STATUSES),
  token: z.string().min(1).max(512),
  serverKeys: jwksSchema,
  policyVersion: z.int().min(0),
})

export type EnrollResponse = z.infer<typeof enrollResponseSchema>

/** `POST facts`: a check-in. */
export const factsRequestSchema = factsSchema.extend({ tls: clientTlsSchema.optional() })

export type FactsRequest = z.infer<typeof factsRequestSchema>

/** 200 to `POST facts`; `problem` tells the person why the device is not served although it is let in. */
export const factsResponseSchema = z.object({
  status: z.enum(DEVICE_STATUSES),
  policyVersion: z.int().min(0),
  problem: z.object({ code: z.string(), detail: z.string() }).nullish(),
})

export type FactsResponse = z.infer<typeof factsResponseSchema>

/** 200 to `POST unlock`. `leaseSeconds` counts from the answer, so that a wrong clock does not stretch it; 0: use once. */
export const unlockResponseSchema = z.object({
  share: base64urlOf(32),
  leaseSeconds: z
    .int()
    .min(0)
    .max(720 * 3600),
  policyVersion: z.int().min(0),
})

export type UnlockResponse = z.infer<typeof unlockResponseSchema>

/** `POST keys`: see key-rotation.ts. */
export const rotateKeysRequestSchema = z.strictObject({ rotation: compactJose(3, 8_192), proof: compactJose(3, 8_192) })

export type RotateKeysRequest = z.infer<typeof rotateKeysRequestSchema>

/** One line of `POST events`. */
export const eventLineSchema = z.strictObject({
  seq: z.int().min(1),
  id,
  at: time,
  action: z
    .string()
    .max(64)
    .regex(/^[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+$/, 'must be noun.verb'),
  outcome: z.enum(['allowed', 'denied', 'pending', 'failed']),
  enforcement: z.enum(['prevented', 'obscured', 'detected', 'none']).optional(),
  policy: z.strictObject({ id, version: z.int().min(0), rule: z.string().min(1).max(128) }).optional(),
  target: z
    .strictObject({
      type: z.string().regex(/^[a-z][a-z0-9_]{0,31}$/),
      id: lineOfText(128),
      name: lineOfText(255).optional(),
    })
    .optional(),
  labels: z.array(lineOfText(64)).max(64).optional(),
  reason: lineOfText(1_000).optional(),
  detail: z
    .record(z.string().regex(/^[a-zA-Z][a-zA-Z0-9_]{0,63}$/), z.union([lineOfText(4_000), z.number(), z.boolean()]))
    .optional(),
})

export type EventLine = z.infer<typeof eventLineSchema>

/**
 * 200 to `POST events`. `acceptedThrough` is the highest `seq` such that every line of this request up to it is durable,
 * a duplicate or rejected: the device forgets those.
 */
export const eventsResponseSchema = z.object({
  acceptedThrough: z.int().min(0),
  duplicates: z.int().min(0),
  rejected: z.array(z.object({ line: z.int(), seq: z.int().optional(), code: z.string(), detail: z.string() })),
})

export type EventsResponse = z.infer<typeof eventsResponseSchema>

/** 200 to `GET commands` without an event stream: what waits, oldest first. */
export const commandsResponseSchema = z.object({ items: z.array(compactJose(3, 16_384)) })

export type CommandsResponse = z.infer<typeof commandsResponseSchema>

/** How a file is shown: `none` is a download only. */
export const FILE_KINDS = ['pdf', 'image', 'text', 'markdown', 'none'] as const

export type FileKind = (typeof FILE_KINDS)[number]

/** What the policy says about an act with a file. `internal`: to the organisation’s own mail domains only. */
const permitted = z.enum(['allow', 'ask_reason', 'internal', 'block'])

/** One file a device may fetch, as `GET files` lists it. */
export const fileEntrySchema = z.object({
  id,
  name: z.string(),
  mediaType: z.string(),
  sizeBytes: z.int().min(0),
  labels: z.array(z.string()),
  publishedAt: time,
  kind: z.enum(FILE_KINDS).optional(),
  /** Whether it can be shown: not looked at yet, yes, or no with `viewReason`. */
  viewState: z.enum(['pending', 'ready', 'refused']).optional(),
  viewReason: z.string().optional(),
  may: z.object({ download: permitted, print: permitted, copy: permitted, forward: permitted }).optional(),
  /** Who forwarded it to this person. */
  sharedBy: z.string().optional(),
})

export type FileEntry = z.infer<typeof fileEntrySchema>

/** 200 to `GET files`. */
export const filesResponseSchema = z.object({ items: z.array(fileEntrySchema), nextCursor: z.string().nullish() })

export type FilesResponse = z.infer<typeof filesResponseSchema>

export const RELEASE_PURPOSES = ['view', 'download', 'print'] as const

export type ReleasePurpose = (typeof RELEASE_PURPOSES)[number]

/** `POST files/{id}/releases`. `session` is the viewer's own: what it notices names the same. */
export const releaseRequestSchema = z.strictObject({
  purpose: z.enum(RELEASE_PURPOSES),
  reason: lineOfText(1_000).optional(),
  session: id.optional(),
})

export type ReleaseRequest = z.infer<typeof releaseRequestSchema>

/** What is inside the JWE that answers `POST files/{id}/releases`: all that is needed to fetch, open and show the content. */
export const releaseSchema = z.object({
  releaseId: id,
  fileId: id,
  name: z.string(),
  mediaType: z.string(),
  labels: z.array(z.string()),
  /** What the chunks hold: something to show, or the file as it was uploaded. */
  kind: z.enum(['pdf', 'image', 'text', 'markdown', 'original']),
  /** Of the content in the chunks, in clear. */
  sizeBytes: z.int().min(0),
  /** Of the same, in lower-case hexadecimal. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in hexadecimal'),
  chunkBytes: z.int().min(1),
  chunkCount: z.int().min(1),
  contentKey: base64urlOf(32),
  pages: z.int().min(0).optional(),
  /** What every page has to carry. */
  watermark: z.object({ text: z.string() }).nullable(),
  policy: z.object({ id, version: z.int().min(0), rule: z.string() }),
  expiresAt: time,
})

export type Release = z.infer<typeof releaseSchema>

/** `POST files/{id}/forward`. */
export const forwardRequestSchema = z.strictObject({ to: lineOfText(254), reason: lineOfText(1_000).optional() })

export type ForwardRequest = z.infer<typeof forwardRequestSchema>

/**
 * 201 to `POST files/{id}/forward`. `fileId` is the copy's; null where the policy lets it out of the organisation: there is no copy,
 * and the app that holds the content sends it.
 */
export const forwardResponseSchema = z.object({
  fileId: id.nullable(),
  name: z.string(),
  to: z.string(),
  policy: z.object({ id, version: z.int().min(0), rule: z.string() }),
})

export type ForwardResponse = z.infer<typeof forwardResponseSchema>

/** Every error body (RFC 9457). */
export const problemSchema = z.object({
  type: z.string().optional(),
  title: z.string().optional(),
  status: z.int().optional(),
  code: z.string(),
  detail: z.string().default(''),
  /** Why, as a code, where there is more to say than `code` does. */
  reason: z.string().optional(),
  requestId: z.string().optional(),
})

export type Problem = z.infer<typeof problemSchema>
