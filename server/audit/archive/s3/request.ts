import 'server-only'
import { createReadStream } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { now } from '#server/kernel/clock.ts'
import type { ArchiveBucket } from '#server/kernel/env/archive-bucket.ts'
import { AppError } from '#server/kernel/errors.ts'
import { amzDate, authorizationOf, canonicalQuery, EMPTY_SHA256, encodePart } from './sign.ts'

/** A request about one object. `name` is its name in the archive; of a body `sha256` is hex, `md5` base64. */
export type ObjectRequest = {
  method: 'GET' | 'HEAD' | 'PUT' | 'DELETE'
  name: string
  query?: Record<string, string>
  body?: { path: string; bytes: number; sha256: string; md5: string }
}

/** How long nothing may come or go, and the pauses before each further attempt. */
export type Patience = { idleMs: number; pausesMs: readonly number[] }

const PATIENCE: Patience = { idleMs: 60_000, pausesMs: [250, 1_000, 4_000, 10_000] }
const MOST_ERROR_BYTES = 16_384

type Asking<T> = {
  /** Reads the answer; what it throws as an S3Failure counts as the bucket's. */
  take: (answer: http.IncomingMessage) => Promise<T>
  /** Statuses beside 2xx that are answers and no failures. */
  also?: readonly number[]
  patience?: Patience | undefined
}

/** The bucket refused or was not understood. `isPassing`: another attempt may succeed; `isLost`: it has the object no more. */
export class S3Failure extends Error {
  override name = 'S3Failure'
  readonly isPassing: boolean
  readonly isLost: boolean
  constructor(message: string, { isPassing, isLost = false }: { isPassing: boolean; isLost?: boolean }) {
    super(message)
    this.isPassing = isPassing
    this.isLost = isLost
  }
}

/**
 * Asks a bucket about an object, and again after a pause while it is away or busy.
 * @throws AppError unavailable that names bucket, key, status and the bucket's own code
 */
export async function askBucket<T>(bucket: ArchiveBucket, request: ObjectRequest, asking: Asking<T>): Promise<T> {
  const { idleMs, pausesMs } = asking.patience ?? PATIENCE
  for (let attempt = 0; ; attempt++) {
    try {
      return await askOnce(bucket, request, { ...asking, idleMs })
    } catch (error) {
      if (!(error instanceof S3Failure)) throw error
      const pause = pausesMs[attempt]
      if (!error.isPassing || pause === undefined) throw refusal(bucket, request, error)
      await sleep(pause * (0.75 + Math.random() / 2))
    }
  }
}

/** The key of a file of the archive in its bucket. */
export function keyOf({ prefix }: ArchiveBucket, name: string): string {
  return prefix ? `${prefix}/${name}` : name
}

async function askOnce<T>(
  bucket: ArchiveBucket,
  request: ObjectRequest,
  { take, also = [], idleMs }: Asking<T> & { idleMs: number },
): Promise<T> {
  const answer = await send(bucket, request, idleMs)
  try {
    const { statusCode: status = 0 } = answer
    if (!(status >= 200 && status < 300) && !also.includes(status)) throw await failureOf(status, answer)
    return await take(answer)
  } finally {
    // One that was read to its end keeps its connection.
    if (!answer.complete) answer.destroy()
  }
}

function send(bucket: ArchiveBucket, request: ObjectRequest, idleMs: number): Promise<http.IncomingMessage> {
  const { url, headers } = signed(bucket, request)
  const { method, body } = request
  return new Promise((resolve, reject) => {
    const { request: begin } = url.protocol === 'https:' ? https : http
    const outgoing = begin(url, { method, headers })
    outgoing.on('response', resolve)
    outgoing.on('error', (error) => reject(unreachable(error)))
    outgoing.setTimeout(idleMs, () => outgoing.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })))
    // What fails is told by the request itself.
    if (body) pipeline(createReadStream(body.path, { highWaterMark: 1_048_576 }), outgoing).catch(() => {})
    else outgoing.end()
  })
}

/** Where an object lies: below its bucket, or below a host that begins with the bucket's name. */
export function addressOf(bucket: ArchiveBucket, name: string): { endpoint: URL; path: string } {
  const endpoint = new URL(bucket.endpoint)
  const isInHost = endpoint.hostname.startsWith(`${bucket.bucket}.`)
  const parts = [...(isInHost ? [] : [bucket.bucket]), ...keyOf(bucket, name).split('/')]
  return { endpoint, path: `/${parts.map(encodePart).join('/')}` }
}

function signed(bucket: ArchiveBucket, { method, name, query = {}, body }: ObjectRequest) {
  const { endpoint, path } = addressOf(bucket, name)
  const asked = canonicalQuery(query)
  const payloadSha256 = body?.sha256 ?? EMPTY_SHA256
  const at = now()
  const headers = {
    host: endpoint.host,
    'x-amz-content-sha256': payloadSha256,
    'x-amz-date': amzDate(at),
    ...(body && {
      'content-length': String(body.bytes),
      'content-md5': body.md5,
      'content-type': 'application/vnd.apache.parquet',
    }),
  }
  const authorization = authorizationOf(
    { method, path, query, headers, payloadSha256, at },
    { ...bucket, service: 's3' },
  )
  return { url: new URL(asked ? `${path}?${asked}` : path, endpoint), headers: { ...headers, authorization } }
}

/** The bytes of an answer. What breaks off is the bucket's failure, what the reader throws is its own. */
export async function* bytesOf(answer: http.IncomingMessage): AsyncGenerator<Buffer, void> {
  const chunks = answer[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  for (;;) {
    const { done, value } = await chunks.next().catch((error: unknown) => {
      throw unreachable(error)
    })
    if (done) return
    yield value
  }
}

function unreachable(error: unknown): S3Failure {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return new S3Failure(typeof code === 'string' ? code : String(error), { isPassing: true })
}

/** The status, the bucket's own code and, of one that lies elsewhere, its region. */
async function failureOf(status: number, answer: http.IncomingMessage): Promise<S3Failure> {
  let text = ''
  for await (const chunk of bytesOf(answer)) {
    text += chunk.toString('latin1')
    if (text.length > MOST_ERROR_BYTES) break
  }
  const [, code] = /<Code>([\w.]{1,100})<\/Code>/.exec(text) ?? []
  const region = answer.headers['x-amz-bucket-region']
  const place = status < 500 && typeof region === 'string' && status !== 403 ? ` (its region is ${region})` : ''
  const isPassing =
    status >= 500 || status === 429 || status === 408 || code === 'RequestTimeout' || code === 'SlowDown'
  const isLost = status === 404 && code === 'NoSuchKey'
  return new S3Failure(`${status}${code ? ` ${code}` : ''}${place}`, { isPassing, isLost })
}

const DID_NOT = { GET: 'give', HEAD: 'show', PUT: 'take', DELETE: 'remove' } as const

function refusal(bucket: ArchiveBucket, { method, name }: ObjectRequest, failure: S3Failure): AppError {
  return new AppError('unavailable', {
    detail: `The archive's bucket ${bucket.bucket} did not ${DID_NOT[method]} ${keyOf(bucket, name)}: ${failure.message}`,
    retryAfter: 30,
    cause: failure,
  })
}
