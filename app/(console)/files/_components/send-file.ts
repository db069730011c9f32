/** How far a file has come. */
export type Sending = { sentBytes: number /** The connection is interrupted; it is tried again. */; isWaiting: boolean }

/** The server will not take it: asking again changes nothing. */
export class SendingRefused extends Error {
  readonly code: string
  /** Names of the fields that are wrong. */
  readonly fields: readonly string[]

  constructor(code: string, fields: readonly string[]) {
    super(`the upload was refused: ${code}`)
    this.name = 'SendingRefused'
    this.code = code
    this.fields = fields
  }
}

type Transport = (path: string, init: RequestInit) => Promise<Response>

export type SendOptions = {
  file: Blob & { name: string }
  /** Where uploads begin. */
  endpoint: string
  /** Where an earlier attempt for this very file lies. */
  location?: string | undefined
  onBegun?: (location: string) => void
  onSending?: (sending: Sending) => void
  signal?: AbortSignal
  transport?: Transport
  /** Waits before the next attempt, the longer the more have failed. */
  wait?: (failures: number, signal: AbortSignal | undefined) => Promise<void>
}

const TUS = { 'tus-resumable': '1.0.0' }
/** What is lost of a broken connection is at most what the server had not stored of one such piece. */
const PIECE_BYTES = 4 * 1024 * 1024
const MAX_FAILURES = 10

class Interrupted extends Error {}

/**
 * Sends a file by tus and answers where it lies. A failed connection is taken up where the server says it stands; after ten
 * failures in a row without a byte the failure is thrown, and the next call goes on from `location`.
 * @throws SendingRefused · Error when the connection does not come back
 */
export async function sendFile(options: SendOptions): Promise<string> {
  const { onSending, signal, wait = waitForConnection } = options
  const state: State = { location: options.location, sentBytes: 0, failures: 0 }
  for (;;) {
    try {
      return await goOn(options, state)
    } catch (error) {
      if (error instanceof Gone) state.location = undefined
      else if (!(error instanceof Interrupted)) throw error
      state.failures += 1
      if (state.failures > MAX_FAILURES) throw error
      onSending?.({ sentBytes: state.sentBytes, isWaiting: true })
      await wait(state.failures, signal)
    }
  }
}

type State = { location: string | undefined; sentBytes: number; failures: number }

async function goOn(options: SendOptions, state: State): Promise<string> {
  const { file, onBegun, onSending } = options
  state.sentBytes = state.location === undefined ? 0 : await standing(options, state.location)
  const location = state.location ?? (await begin(options))
  state.location = location
  onBegun?.(location)
  while (state.sentBytes < file.size) {
    onSending?.({ sentBytes: state.sentBytes, isWaiting: false })
    state.sentBytes = await add(options, location, state.sentBytes)
    state.failures = 0
  }
  onSending?.({ sentBytes: state.sentBytes, isWaiting: false })
  return location
}

/** The server knows it no more: it is begun anew. */
class Gone extends Error {}

async function begin(options: SendOptions): Promise<string> {
  const { file } = options
  const metadata = [`filename ${base64(file.name)}`, ...(file.type ? [`filetype ${base64(file.type)}`] : [])].join(',')
  const headers = { ...TUS, 'upload-length': String(file.size), 'upload-metadata': metadata }
  const response = await ask(options, options.endpoint, { method: 'POST', headers })
  const location = response.headers.get('location')
  if (!location) throw new Interrupted('the answer names no place')
  return location
}

async function standing(options: SendOptions, location: string): Promise<number> {
  return offsetOf(await ask(options, location, { method: 'HEAD', headers: TUS }))
}

async function add(options: SendOptions, location: string, offset: number): Promise<number> {
  const headers = { ...TUS, 'upload-offset': String(offset), 'content-type': 'application/offset+octet-stream' }
  const body = options.file.slice(offset, offset + PIECE_BYTES)
  return offsetOf(await ask(options, location, { method: 'PATCH', headers, body }))
}

function offsetOf(response: Response): number {
  const offset = Number(response.headers.get('upload-offset') ?? Number.NaN)
  if (!Number.isSafeInteger(offset)) throw new Interrupted('the answer says no offset')
  return offset
}

async function ask({ transport = fetch, signal }: SendOptions, path: string, init: RequestInit): Promise<Response> {
  signal?.throwIfAborted()
  const response = await transport(path, signal ? { ...init, signal } : init).catch((cause: unknown) => {
    signal?.throwIfAborted()
    throw new Interrupted('the connection failed', { cause })
  })
  if (response.ok) return response
  if ((response.status === 404 || response.status === 410) && init.method !== 'POST') throw new Gone()
  if (isPassing(response.status)) throw new Interrupted(`the server answered ${response.status}`)
  throw await refusalOf(response)
}

/** 409: the server stands elsewhere than we thought. */
function isPassing(status: number): boolean {
  return status === 408 || status === 409 || status === 429 || status >= 500
}

type Problem = { code?: string; errors?: { field: string }[] }

async function refusalOf(response: Response): Promise<SendingRefused> {
  const problem: Problem = await response.json().catch(() => ({}))
  return new SendingRefused(
    problem.code ?? String(response.status),
    (problem.errors ?? []).map(({ field }) => field),
  )
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)))
}

/** Half a second, then twice as long each time, up to ten; or until the browser says that it is online again. */
function waitForConnection(failures: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = () => {
      clearTimeout(timer)
      window.removeEventListener('online', done)
      signal?.removeEventListener('abort', aborted)
      resolve()
    }
    const aborted = () => reject(signal?.reason)
    const timer = setTimeout(done, Math.min(10_000, 250 * 2 ** failures))
    window.addEventListener('online', done)
    signal?.addEventListener('abort', aborted)
  })
}
