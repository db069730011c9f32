import type { IncomingMessage, ServerResponse } from 'node:http'
import { uuidv7 } from '#lib/uuid.ts'
import type { Command } from '#protocol/device/commands.ts'
import { generateKeyPair, importSignKey, keyThumbprint } from '#protocol/device/keys.ts'
import type { enrollRequestSchema, FactsRequest, Release } from '#protocol/device/messages.ts'
import type { DeviceProblemCode } from '#protocol/device/problem-codes.ts'
import type { Receipt } from '#protocol/device/receipts.ts'
import { defaultPolicy } from '#protocol/policy/document.ts'

type PublicKeys = ReturnType<typeof enrollRequestSchema.parse>['keys']

/** One enrolled device as this side sees it. */
export type KnownDevice = {
  id: string
  enrollmentId: string
  keys: PublicKeys
  thumbprint: string
  token: string
  share: Uint8Array | null
  revoked: boolean
  /** Bytes of each line by number. */
  lines: Map<number, string>
  waiting: Map<string, { command: Command; jws: string }>
  receipts: Receipt[]
  stream: ServerResponse | null
  facts: FactsRequest[]
}

/** What a request is refused with. */
export class Problem extends Error {
  readonly code: DeviceProblemCode
  readonly headers: Record<string, string>

  constructor(code: DeviceProblemCode, headers: Record<string, string> = {}, detail: string = code) {
    super(detail)
    this.code = code
    this.headers = headers
  }
}

export async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

/** The organisation's own key: it signs commands and policies. */
export async function makeTenantKey() {
  const { privateJwk, publicJwk } = await generateKeyPair()
  return { sign: await importSignKey(privateJwk), kid: await keyThumbprint(publicJwk), publicJwk }
}

/** What this side knows; tests reach into it. */
export function makeState() {
  return {
    tenantId: uuidv7(),
    codes: new Set(['CODE-1', 'CODE-2']),
    devices: new Map<string, KnownDevice>(),
    files: new Map<string, { name: string; content: Uint8Array; labels: string[] }>(),
    policy: { id: uuidv7(), version: 1, document: defaultPolicy() },
    leaseSeconds: 3600,
    /** Answers every request with this instead. */
    failing: null as null | { code: DeviceProblemCode; retryAfter?: string },
    /** Milliseconds that this side's clock is ahead of the machine's. */
    clockAheadMs: 0,
    nonces: new Set<string>(),
    jtis: new Set<string>(),
    maxEventBytes: 8 * 1024 * 1024,
    /** Does everything but answer this many requests to events. */
    loseEventAnswers: 0,
    streams: true,
    requests: [] as string[],
    fileReleases: 0,
    releases: new Map<string, { deviceId: string; release: Release }>(),
    /** Answers as many chunks of releases, then breaks the connection of every other. */
    chunksLeft: Number.POSITIVE_INFINITY,
    chunksSent: 0,
    /** Addresses of the organisation's people. */
    people: new Set<string>(),
    forwards: [] as { fileId: string; to: string; reason?: string | undefined }[],
  }
}

/** Behind every answer: what is known, whose organisation it is, the clock of this side and where it is reached. */
export type Side = {
  state: ReturnType<typeof makeState>
  key: Awaited<ReturnType<typeof makeTenantKey>>
  /** Milliseconds. */
  now: () => number
  /** Without a trailing slash. */
  url: () => string
}

/** When this side answers, as HTTP writes it. */
export function httpDate(side: Side): string {
  return new Date(side.now()).toUTCString()
}
