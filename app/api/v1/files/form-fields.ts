import type { z } from 'zod'
import type { publishFileInput } from '#server/content/schema.ts'
import { AppError } from '#server/kernel/errors.ts'

/** The texts of a form by name, in the order they came. */
export type Fields = Map<string, string[]>

/** What a form says about its file. */
export type Described = Omit<z.input<typeof publishFileInput>, 'content' | 'uploadId'>

const KNOWN: ReadonlySet<string> = new Set(['name', 'mediaType', 'labels', 'audience'])

export function isKnownField(name: string): boolean {
  return KNOWN.has(name)
}

/** @throws AppError invalid naming the field */
export function describeFile(fields: Fields, part: { filename: string | undefined; mimeType: string }): Described {
  const mediaType = text(fields, 'mediaType') || part.mimeType
  const audience = list(fields, 'audience')
  return {
    name: text(fields, 'name') || (part.filename ?? ''),
    ...(mediaType ? { mediaType } : {}),
    labels: list(fields, 'labels'),
    audience: audience.length === 1 && audience[0] === 'everyone' ? 'everyone' : audience,
  }
}

function text(fields: Fields, name: string): string {
  const [value = '', ...more] = fields.get(name) ?? []
  if (more.length > 0) throw invalid(name, 'is not one text')
  return value
}

/** Repeated fields, each with one or more words separated by commas; a JSON list of texts does as well. */
function list(fields: Fields, name: string): string[] {
  return (fields.get(name) ?? []).flatMap((value) =>
    value.trim().startsWith('[') ? jsonList(name, value) : words(value),
  )
}

/** Words separated by commas. */
export function words(value: string): string[] {
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

export function notOneFile(): AppError {
  return invalid('file', 'is required, once, as a file')
}

export function invalid(field: string, problem: string, cause?: unknown): AppError {
  const name = field.slice(0, 64)
  return new AppError('invalid', { detail: `${name}: ${problem}`, fields: { [name]: problem }, cause })
}
