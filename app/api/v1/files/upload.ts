import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import busboy, { type Busboy } from 'busboy'
import { publishStream } from '#server/content/commands.ts'
import { type FileView, MAX_FILE_BYTES } from '#server/content/schema.ts'
import type { Actor } from '#server/kernel/actor.ts'
import { AppError, isAppError } from '#server/kernel/errors.ts'
import { type Described, describeFile, type Fields, invalid, isKnownField, notOneFile } from './form-fields.ts'

/** What the other fields and the boundaries may take. */
const FRAME_BYTES = 256 * 1024
const LIMITS = { fieldNameSize: 100, fieldSize: 64 * 1024, fields: 1_000, files: 1, parts: 1_001 }

type FormRequest = { actor: Actor; request: Request; idempotencyKey?: string | undefined }

/**
 * Publishes the file of a form or a script. Its bytes are stored as they come; the fields may stand before or behind them.
 * @throws AppError unsupported_media_type · too_large · invalid naming the field
 */
export async function publishForm({ actor, request, idempotencyKey }: FormRequest): Promise<FileView> {
  const form = openForm(request)
  const stop = new AbortController()
  const fields = readFields(form, (error) => stop.abort(error))
  const finished = finishOf(form)
  let published: Promise<FileView> | undefined
  form.on('file', (name, file, { filename, mimeType }) => {
    // Who reads it hears of its end; nobody else needs to.
    file.on('error', () => {})
    if (name !== 'file') return stop.abort(unknown(name))
    const rest = async (): Promise<Described> => {
      await finished
      return describeFile(fields, { filename, mimeType })
    }
    published = publishStream(actor, file, rest, { idempotencyKey })
    published.catch((error: unknown) => stop.abort(error))
  })
  form.on('filesLimit', () => stop.abort(notOneFile()))
  try {
    // undici's streams and node:stream/web's are the same; their types are not.
    const body = Readable.fromWeb((request.body ?? new Blob().stream()) as ReadableStream)
    await pipeline(body, upToLimit, form, { signal: stop.signal })
  } catch (cause) {
    await published?.catch(() => {})
    if (isAppError(cause)) throw cause
    throw stop.signal.aborted ? stop.signal.reason : invalid('body', 'is not multipart/form-data', cause)
  }
  if (!published) throw notOneFile()
  return published
}

/** Whatever the bytes are: beyond the limit nobody reads them. */
async function* upToLimit(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let received = 0
  for await (const piece of body) {
    received += piece.byteLength
    if (received > MAX_FILE_BYTES + FRAME_BYTES) throw tooLarge()
    yield piece
  }
}

function openForm(request: Request): Busboy {
  const type = request.headers.get('content-type') ?? ''
  if (!/^multipart\/form-data\s*;/i.test(type))
    throw new AppError('unsupported_media_type', { detail: 'Send multipart/form-data with a field named file.' })
  if (Number(request.headers.get('content-length') ?? 0) > MAX_FILE_BYTES + FRAME_BYTES) throw tooLarge()
  try {
    // A path in a name is refused by the field's own rule, not cut off in silence.
    return busboy({ headers: { 'content-type': type }, limits: LIMITS, defParamCharset: 'utf8', preservePath: true })
  } catch (cause) {
    throw invalid('body', 'is not multipart/form-data', cause)
  }
}

function readFields(form: Busboy, fail: (error: AppError) => void): Fields {
  const fields: Fields = new Map()
  let bytes = 0
  form.on('field', (name, value, { valueTruncated }) => {
    if (!isKnownField(name)) return fail(name === 'file' ? notOneFile() : unknown(name))
    bytes += Buffer.byteLength(value)
    // Each may be long; all of them together stand in memory.
    if (valueTruncated || bytes > FRAME_BYTES) return fail(invalid(name, 'is too long'))
    fields.set(name, [...(fields.get(name) ?? []), value])
  })
  form.on('fieldsLimit', () => fail(invalid('body', 'has too many fields')))
  form.on('partsLimit', () => fail(invalid('body', 'has too many fields')))
  return fields
}

/** When every field has come. A form that was cut off never finishes, whatever of it has arrived. */
function finishOf(form: Busboy): Promise<void> {
  const finished = new Promise<void>((resolve, reject) => {
    const cutOff = () => reject(invalid('body', 'was cut off'))
    form.once('error', cutOff)
    form.once('close', () => (form.writableFinished ? resolve() : cutOff()))
  })
  finished.catch(() => {})
  return finished
}

function unknown(name: string): AppError {
  return invalid(name, 'is not known here')
}

function tooLarge(): AppError {
  const problem = `may have at most ${MAX_FILE_BYTES} bytes`
  return new AppError('too_large', { detail: `file: ${problem}`, fields: { file: problem } })
}
