import { z } from 'zod'
import { hasControl, hasLoneSurrogate } from '#lib/text.ts'
import { isTime } from '#lib/time.ts'

/** A line of text a person may see: no control characters, no lone surrogates, not only spaces. */
export function lineOfText(maxLength: number) {
  return z
    .string()
    .min(1)
    .max(maxLength)
    .refine((text) => text.trim() !== '', 'must not be blank')
    .refine((text) => !hasControl(text), 'must not hold control characters')
    .refine((text) => !hasLoneSurrogate(text), 'must be well-formed Unicode')
}

const REORDERING = /[\u200e\u200f\u202a-\u202e\u2066-\u2069]/

/** The same for what lists show as a name: nothing that reorders text, so that no device poses as another. */
export function lineOfName(maxLength: number) {
  return lineOfText(maxLength).refine((text) => !REORDERING.test(text), 'must not hold characters that reorder text')
}

/** The form of `id`. */
export const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

/** A UUID in its canonical lower-case form. */
export const id = z.string().regex(ID, 'must be a UUID in lower case')

/** RFC 3339, UTC, milliseconds. */
export const time = z.iso
  .datetime({ precision: 3, error: 'must be a UTC time such as 2026-01-31T08:00:00.000Z' })
  .refine(isTime, 'must be a UTC time such as 2026-01-31T08:00:00.000Z')

/** Base64url without padding, of exactly `bytes` bytes. */
export function base64urlOf(bytes: number) {
  const length = Math.ceil((bytes * 4) / 3)
  return z.string().regex(new RegExp(`^[A-Za-z0-9_-]{${length}}$`), `must be ${bytes} bytes in base64url`)
}

/** A compact JWS or JWE; what is inside is checked by whoever verifies or opens it. */
export function compactJose(parts: 3 | 5, maxLength: number) {
  const pattern = new RegExp(`^[A-Za-z0-9_-]*(?:\\.[A-Za-z0-9_-]*){${parts - 1}}$`)
  return z.string().max(maxLength).regex(pattern, `must be ${parts} base64url parts joined by dots`)
}
