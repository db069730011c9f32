import { z } from 'zod'
import { type Bytes, concatBytes, utf8Decode } from '#lib/bytes.ts'
import { createDpopProof } from '#protocol/device/dpop.ts'
import type { PublicJwk } from '#protocol/device/keys.ts'
import { type Problem, problemSchema } from '#protocol/device/messages.ts'
import { GatewayError } from './errors.ts'
import type { Clock, Transport, TransportResponse } from './ports.ts'

/** What proves who this is. The token is absent at enrolment only. */
export type Credentials = { signKey: CryptoKey; publicJwk: PublicJwk; token?: string | undefined }

export type ConnectionOptions = { transport: Transport; clock: Clock; gatewayUrl: string; credentials: Credentials }

/** One request. `path` begins behind `/device/v1`; `timeoutMs` is of silence, 20 s unless given. */
export type Call = {
  method: 'GET' | 'POST'
  path: string
  body?: Uint8Array
  headers?: Record<string, string>
  timeoutMs?: number
  signal?: AbortSignal | undefined
}

/** Of silence, where a call says nothing else. */
export const TIMEOUT_MS = 20_000

/** All bytes of an answer. */
export async function readAll(response: TransportResponse): Promise<Bytes> {
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

/** What sends calls, each with its proof (RFC 9449). Throws GatewayError for any answer but a success and OfflineError where none came. */
export function connect({ transport, clock, gatewayUrl, credentials }: ConnectionOptions) {
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

  /** The server's time as far as this device knows it. */
  const serverNow = () => clock.now() + serverAheadMs
  return { serverNow, send, sendFor, sendForText }
}
