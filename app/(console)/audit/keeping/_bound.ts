import { parseRfc3339 } from '#lib/time.ts'
import { momentOf, wallOf } from '../_zoned-time.ts'

/** A bound of time as the form has it, on the clock of a zone; nothing stays nothing, and what is no time goes on as it is, to be refused. */
export function boundOf(value: FormDataEntryValue | null, timeZone: string): string {
  const text = String(value ?? '').trim()
  const isWall = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?$/.test(text)
  return (isWall ? momentOf(text, timeZone)?.toISOString() : undefined) ?? text
}

/** What the form begins with: a time of the page's address on that clock. */
export function wallOfBound(text: string, timeZone: string): string {
  const moment = parseRfc3339(text)
  return moment ? wallOf(moment.toISOString(), timeZone) : ''
}
