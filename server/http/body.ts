import { AppError } from '#server/kernel/errors.ts'

const JSON_MAX_BYTES = 1024 * 1024

/** A body of at most `maxBytes`, whatever its Content-Length claims. @throws AppError too_large */
export async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const claimed = Number(request.headers.get('content-length') ?? 0)
  if (claimed > maxBytes) throw tooLarge(maxBytes)
  const chunks: Uint8Array[] = []
  let total = 0
  for await (const chunk of request.body ?? []) {
    total += chunk.byteLength
    if (total > maxBytes) throw tooLarge(maxBytes)
    chunks.push(chunk)
  }
  return new Uint8Array(Buffer.concat(chunks))
}

function tooLarge(maxBytes: number): AppError {
  return new AppError('too_large', {
    detail: `body: may have at most ${maxBytes} bytes`,
    fields: { body: `may have at most ${maxBytes} bytes` },
  })
}

/**
 * The JSON object of a request; `{}` when it has no body.
 * @throws AppError unsupported_media_type · too_large · invalid naming `body`
 */
export async function readJson(request: Request, maxBytes: number = JSON_MAX_BYTES): Promise<Record<string, unknown>> {
  const bytes = await readBytes(request, maxBytes)
  if (bytes.length === 0) return {}
  const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json') throw new AppError('unsupported_media_type', { detail: 'Send application/json.' })
  const value = parse(bytes)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalidBody('must be a JSON object')
  return value as Record<string, unknown>
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw invalidBody('is not JSON in UTF-8', cause)
  }
}

function invalidBody(problem: string, cause?: unknown): AppError {
  return new AppError('invalid', { detail: `body: ${problem}`, fields: { body: problem }, cause })
}
