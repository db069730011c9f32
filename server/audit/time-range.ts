import type { TimeRange } from '#lib/postings/times.ts'
import type { Ask } from './schema.ts'

/** When something must have occurred, in milliseconds; null where the question has no bounds. */
export function rangeOf({ from, to }: Pick<Ask, 'from' | 'to'>): TimeRange | null {
  if (from === undefined && to === undefined) return null
  return { from: from === undefined ? null : Date.parse(from), to: to === undefined ? null : Date.parse(to) }
}

export function isWithin({ entry }: { entry: { occurredAt: string } }, range: TimeRange | null): boolean {
  if (!range) return true
  const time = Date.parse(entry.occurredAt)
  return (range.from === null || time >= range.from) && (range.to === null || time < range.to)
}
