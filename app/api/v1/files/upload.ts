import type { z } from 'zod'
import { MAX_FILE_BYTES, type publishFileInput } from '#server/content/schema.ts'
import { readBytes } from '#server/http/body.ts'
import { AppError } from '#server/kernel/errors.ts'

/** What the other fields and the boundaries may take. */
const FRAME_BYTES = 256 * 1024

const FIELDS: ReadonlySet<string> = new Set(['file', 'name', 'mediaType', 'labels', 'audience'])

/**
 * A published file as it comes from a form or a script. Nothing beyond the limit is read into memory.
 * @throws AppError unsupported_media_type · too_large · invalid naming the field
 */
export async function readUpload(request: Request): Promise<z.input<typeof publishFileInput>> {
  const form = await readForm(request)
  for (const name of form.keys()) if (!FIELDS.has(name)) throw invalid(name, 'is not known here')
  const file = form.get('file')
  if (!(file instanceof File) || form.getAll('file').length !== 1) throw invalid('file', 'is required, once, as a file')
  if (file.size > MAX_FILE_BYTES) throw tooLarge()
  const mediaType = text(form, 'mediaType') || file.type.split(';')[0]?.trim()
  const audience = list(form, 'audience')
  return {
    name: text(form, 'name') || file.name,
    ...(mediaType ? { mediaType } : {}),
    labels: list(form, 'labels'),
    audience: audience.length === 1 && audience[0] === 'everyone' ? 'everyone' : audience,
    content: new Uint8Array(await file.arrayBuffer()),
  }
}

async function readForm(request: Request): Promise<FormData> {
  const type = request.headers.get('content-type') ?? ''
  if (!/^multipart\/form-data\s*;/i.test(type)) {
    throw new AppError('unsupported_media_type', { detail: 'Send multipart/form-data with a field named file.' })
  }
  const bytes = await readBytes(request, MAX_FILE_BYTES + FRAME_BYTES)
  try {
    return await new Response(bytes, { headers: { 'content-type': type } }).formData()
  } catch (cause) {
    throw new AppError('invalid', {
      detail: 'body: is not multipart/form-data',
      fields: { body: 'is not multipart/form-data' },
      cause,
    })
  }
}

function text(form: FormData, name: string): string {
  const value = form.get(name)
  if (value instanceof File || form.getAll(name).length > 1) throw invalid(name, 'is not one text')
  return value ?? ''
}

/** Repeated fields, each with one or more words separated by commas; a JSON list of texts does as well. */
function list(form: FormData, name: string): string[] {
  return form.getAll(name).flatMap((value) => {
    if (typeof value !== 'string') throw invalid(name, 'is not a text')
    return value.trim().startsWith('[') ? jsonList(name, value) : words(value)
  })
}

function words(value: string): string[] {
  return value
    .split(/[,，、]/)
    .map((word) => word.trim())
    .filter((word) => word !== '')
}

function jsonList(name: string, value: string): string[] {
  try {
    const parsed: unknown = JSON.parse(value)
    if (Array.isArray(parsed) && parsed.every((one): one is string => typeof one === 'string')) return parsed
  } catch {
    // Said below.
  }
  throw invalid(name, 'is not a JSON list of texts')
}

function invalid(field: string, problem: string): AppError {
  const name = field.slice(0, 64)
  return new AppError('invalid', { detail: `${name}: ${problem}`, fields: { [name]: problem } })
}

function tooLarge(): AppError {
  const problem = `may have at most ${MAX_FILE_BYTES} bytes`
  return new AppError('too_large', { detail: `file: ${problem}`, fields: { file: problem } })
}
