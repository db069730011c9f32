import { z } from 'zod'
import { type Bytes, concatBytes, utf8Decode, utf8Encode } from '#lib/bytes.ts'
import { createDpopProof } from '#protocol/device/dpop.ts'
import type { PublicJwk } from '#protocol/device/keys.ts'
import {
  commandsResponseSchema,
  type EnrollRequest,
  enrollResponseSchema,
  eventsResponseSchema,
  type FactsRequest,
  type ForwardRequest,
  factsResponseSchema,
  filesResponseSchema,
  forwardResponseSchema,
  type Problem,
  problemSchema,
  type ReleaseRequest,
  type RotateKeysRequest,
  unlockResponseSchema,
} from '#protocol/device/messages.ts'
import { type PushRequest, personResponseSchema, recordsResponseSchema } from '#protocol/device/person.ts'
import { GatewayError } from './errors.ts'
import type { Clock, Transport, TransportResponse } from './ports.ts'

/** What proves who this is. The token is absent at enrolment only. */
export type Credentials = { signKey: CryptoKey; publicJwk: PublicJwk; token?: string | undefined }

export type ClientOptions = { transport: Transport; clock: Clock; gatewayUrl: string; credentials: Credentials }

type Call = {
  method: 'GET' | 'POST'
  path: string
  body?: Uint8Array
  headers?: Record<string, string>
  timeoutMs?: number
  signal?: AbortSignal | undefined
}

const TIMEOUT_MS = 20_000
const FILE_TIMEOUT_MS = 120_000
/** Of silence, not of the whole chunk. */
const CHUNK_TIMEOUT_MS = 20_000
/** The server comments every 15 s; three of them missing means that nobody is there. */
const STREAM_SILENCE_MS = 45_000

async function readAll(response: TransportResponse): Promise<Bytes> {
  const chunks: Uint8Array[] = []
  for await (const chunk of response.chunks) chunks.push(chunk)
  return concatBytes(...chunks)
}

function retryAfterMs(response: TransportResponse, nowMs: number): number | null {
  const value = response.header('retry-after')
  if (value === null) return null
  if (/^\d{1,6}$/.test(value)) return Number(value) * 1000
  const at = Date.parse(value)
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs)
}

async function problemOf(response: TransportResponse, nowMs: number): Promise<GatewayError> {
  const { status } = response
  let problem: Problem = { code: `http_${status}`, detail: '' }
  try {
    problem = problemSchema.parse(JSON.parse(utf8Decode(await readAll(response))))
  } catch {
    // Not ours (a proxy's page): the status says enough.
  }
  return new GatewayError({
    status,
    code: problem.code,
    detail: problem.detail,
    reason: problem.reason ?? null,
    retryAfterMs: retryAfterMs(response, nowMs),
  })
}

function json(body: object): Pick<Call, 'body' | 'headers'> {
  return { body: utf8Encode(JSON.stringify(body)), headers: { 'content-type': 'application/json' } }
}

/** The device API as functions. Throws GatewayError for any answer but a success and OfflineError where none came. */
export function createClient({ transport, clock, gatewayUrl, credentials }: ClientOptions) {
  let nonce: string | undefined
  let serverAheadMs = 0

  function learn(response: TransportResponse): void {
    nonce = response.header('dpop-nonce') ?? nonce
    const date = Date.parse(response.header('date') ?? '')
    // A Date header has whole seconds and travels for a while: only a clock that is really wrong is corrected.
    if (!Number.isNaN(date)) serverAheadMs = Math.abs(date - clock.now()) > 5_000 ? date - clock.now() : 0
  }

  async function attempt(call: Call): Promise<TransportResponse> {
    const url = `${gatewayUrl}/device/v1${call.path}`
    const { signKey: key, publicJwk, token } = credentials
    const proof = await createDpopProof({ key, publicJwk, method: call.method, url, nowMs: clock.now(), token, nonce })
    const response = await transport.request({
      method: call.method,
      url,
      headers: { ...call.headers, dpop: proof, ...(token ? { authorization: `DPoP ${token}` } : {}) },
      body: call.body,
      timeoutMs: call.timeoutMs ?? TIMEOUT_MS,
      signal: call.signal,
    })
    learn(response)
    return response
  }

  async function send(call: Call): Promise<TransportResponse> {
    const first = await attempt(call)
    if (first.status < 300) return first
    const problem = await problemOf(first, clock.now())
    if (problem.code !== 'use_dpop_nonce' || first.header('dpop-nonce') === null) throw problem
    // RFC 9449 §8: the clock was off or the nonce stale; the same request once more with the one just given.
    const second = await attempt(call)
    if (second.status < 300) return second
    throw await problemOf(second, clock.now())
  }

  async function sendFor<T>(schema: z.ZodType<T>, call: Call): Promise<T> {
    const response = await send(call)
    const text = utf8Decode(await readAll(response))
    try {
      return schema.parse(JSON.parse(text))
    } catch (cause) {
      const detail = cause instanceof z.ZodError ? z.prettifyError(cause) : 'not JSON'
      throw new GatewayError({ status: response.status, code: 'unreadable_answer', detail: `${call.path}: ${detail}` })
    }
  }

  async function sendForText(call: Call): Promise<string> {
    return utf8Decode(await readAll(await send(call))).trim()
  }

  return {
    /** The server's time as far as this device knows it. */
    serverNow: () => clock.now() + serverAheadMs,
    enroll: (body: EnrollRequest) => sendFor(enrollResponseSchema, { method: 'POST', path: '/enroll', ...json(body) }),
    facts: (body: FactsRequest) => sendFor(factsResponseSchema, { method: 'POST', path: '/facts', ...json(body) }),
    /** `timeoutMs` bounds the whole request: somebody may be waiting. */
    policy: (timeoutMs: number = TIMEOUT_MS) =>
      sendForText({ method: 'GET', path: '/policy', timeoutMs, signal: AbortSignal.timeout(timeoutMs) }),
    unlock: () => sendFor(unlockResponseSchema, { method: 'POST', path: '/unlock', ...json({}) }),
    rotateKeys: async (body: RotateKeysRequest) => {
      await sendForText({ method: 'POST', path: '/keys', ...json(body) })
    },
    /** The commands that wait; the server holds the request for `waitSeconds` while there are none. */
    commands: (waitSeconds: number, signal?: AbortSignal) =>
      sendFor(commandsResponseSchema, {
        method: 'GET',
        path: `/commands?wait=${waitSeconds}`,
        timeoutMs: waitSeconds * 1000 + TIMEOUT_MS,
        signal,
      }),
    /** The open event stream; the caller reads `chunks` and checks `content-type`. */
    commandStream: (signal: AbortSignal) =>
      send({
        method: 'GET',
        path: '/commands',
        headers: { accept: 'text/event-stream' },
        timeoutMs: STREAM_SILENCE_MS,
        signal,
      }),
    receipt: async (commandId: string, jws: string) => {
      const headers = { 'content-type': 'application/jose' }
      await sendForText({ method: 'POST', path: `/commands/${commandId}/receipt`, body: utf8Encode(jws), headers })
    },
    events: (ndjson: Uint8Array, signal?: AbortSignal) =>
      sendFor(eventsResponseSchema, {
        method: 'POST',
        path: '/events',
        body: ndjson,
        headers: { 'content-type': 'application/x-ndjson' },
        timeoutMs: 60_000,
        signal,
      }),
    /** Whose device this is, their other ones, and how many people of the organisation may do what. */
    person: () => sendFor(personResponseSchema, { method: 'GET', path: '/person' }),
    /** A page of what the audit log holds about the person, newest first. */
    records: (cursor?: string) =>
      sendFor(recordsResponseSchema, {
        method: 'GET',
        path: cursor === undefined ? '/records' : `/records?cursor=${encodeURIComponent(cursor)}`,
      }),
    /** Where this browser wants to be woken; null: nowhere any more. */
    push: async (subscription: PushRequest['subscription']) => {
      await sendForText({ method: 'POST', path: '/push', ...json({ subscription }) })
    },
    /** Takes this device out of service; from then on its token is worth nothing. */
    leave: async () => {
      await sendForText({ method: 'POST', path: '/leave', ...json({}) })
    },
    files: (cursor?: string) =>
      sendFor(filesResponseSchema, {
        method: 'GET',
        path: cursor === undefined ? '/files' : `/files?cursor=${encodeURIComponent(cursor)}`,
      }),
    /** The sealed file as a compact JWE. */
    file: (id: string, purpose: 'view' | 'download') =>
      sendForText({
        method: 'GET',
        path: `/files/${encodeURIComponent(id)}?purpose=${purpose}`,
        timeoutMs: FILE_TIMEOUT_MS,
      }),
    /** The release of a file's content as a compact JWE; the server has written it down before it answers. */
    release: (fileId: string, body: ReleaseRequest, signal?: AbortSignal) =>
      sendForText({
        method: 'POST',
        path: `/files/${encodeURIComponent(fileId)}/releases`,
        ...json(body),
        signal,
      }),
    /** One sealed chunk of a release. */
    releaseChunk: async (releaseId: string, number: number, signal?: AbortSignal) =>
      readAll(
        await send({
          method: 'GET',
          path: `/releases/${encodeURIComponent(releaseId)}/chunks/${number}`,
          timeoutMs: CHUNK_TIMEOUT_MS,
          signal,
        }),
      ),
    /** Hands a copy of a file to somebody else. */
    forward: (fileId: string, body: ForwardRequest) =>
      sendFor(forwardResponseSchema, {
        method: 'POST',
        path: `/files/${encodeURIComponent(fileId)}/forward`,
        ...json(body),
      }),
  }
}

export type Client = ReturnType<typeof createClient>
