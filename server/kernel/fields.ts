import { z } from 'zod'
import { isUuid } from '#lib/uuid.ts'
import { AppError } from './errors.ts'

const CONTROLS = /[^\P{Cc}\t\n\r]/u
const LINE_CONTROLS = /[\p{Cc}\u2028\u2029]/u
// What reorders text, so that a name could pose as another.
const BIDI = /[\u200e\u200f\u202a-\u202e\u2066-\u2069]/

type TextOptions = { min?: number; max: number; lines?: boolean }

/** A text of people: trimmed, NFC, no controls, no reordering characters, no lone surrogates. Lengths in UTF-16 units. */
export function textField({ min = 1, max, lines = false }: TextOptions) {
  return z
    .string()
    .refine((text) => text.isWellFormed(), 'holds a lone surrogate')
    .refine((text) => !(lines ? CONTROLS : LINE_CONTROLS).test(text), 'holds a control character')
    .refine((text) => !BIDI.test(text), 'holds a character that reorders text')
    .transform((text) => text.normalize('NFC').trim())
    .pipe(
      z
        .string()
        .min(min, min === 1 ? 'is required' : `needs at least ${min} characters`)
        .max(max, `may have at most ${max} characters`),
    )
}

export function uuidField() {
  return z.string().refine(isUuid, 'is not an id')
}

/** An address, lower-cased: one person, one spelling. */
export function emailField() {
  return textField({ max: 254 })
    .pipe(z.email('is not an email address'))
    .transform((email) => email.toLowerCase())
}

/** Labels of content: lower-case words, at most 20. */
export function labelsField() {
  return z
    .array(z.string().regex(/^[\p{L}\p{N}][\p{L}\p{N}_.-]{0,39}$/u, 'is not a label (letters, digits, _ . -)'))
    .max(20, 'may have at most 20 labels')
    .transform((labels) => [...new Set(labels.map((label) => label.toLowerCase().normalize('NFC')))].sort())
}

/** A page of a list: `limit` ≤ 200 (default 50) and an opaque cursor. */
export const pageFields = {
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(500).optional(),
}

/** Parses untrusted input. @throws AppError invalid, naming every field that is wrong */
export function parseInput<S extends z.ZodType>(schema: S, input: unknown): z.output<S> {
  const parsed = schema.safeParse(input)
  if (parsed.success) return parsed.data
  throw invalidInput(parsed.error.issues)
}

export function invalidInput(issues: readonly z.core.$ZodIssue[]): AppError {
  const fields: Record<string, string> = {}
  for (const issue of issues) {
    const path =
      issue.path.map(String).join('.') || (issue.code === 'unrecognized_keys' ? issue.keys.join(', ') : 'body')
    fields[path] ??= issue.message
  }
  const detail = Object.entries(fields)
    .map(([field, problem]) => `${field}: ${problem}`)
    .join('; ')
  return new AppError('invalid', { detail: detail.slice(0, 1_000), fields })
}
