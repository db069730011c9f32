import { isUuidv7 } from '#lib/uuid.ts'
import type { DetailText, DetailValue } from '#protocol/audit/personal.ts'

/** The ids that stand in an event's detail, also before and after a change: what they are called makes it readable. */
export function idsInDetail(detail: { readonly [name: string]: DetailValue } | undefined): string[] {
  return Object.values(detail ?? {})
    .flatMap(textsOf)
    .filter(isUuidv7)
}

/** Every text of one member of a detail; of a change those before and after it. */
export function textsOf(value: DetailValue): readonly string[] {
  if (typeof value === 'string') return [value]
  if (isList(value)) return value
  return [value.before, value.after].flatMap((text) => (text === undefined ? [] : listOf(text)))
}

const listOf = (text: DetailText): readonly string[] => (typeof text === 'string' ? [text] : text)

// Array.isArray does not narrow readonly arrays away.
function isList(value: Exclude<DetailValue, string>): value is readonly string[] {
  return Array.isArray(value)
}
