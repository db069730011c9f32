import type { GoodLine } from './event-lines.ts'
import { LATE_MS } from './schema.ts'

const FUTURE_MS = 10 * 60_000
const DAY_MS = 86_400_000

/** When the device was enrolled, and now. */
type Frame = { startedAt: Date; at: Date }

export type Times = { late: number; longestMs: number; suspect: number }

/** How late the events came, by clocks that can be believed, and how many times cannot. */
export function timesOf(lines: readonly GoodLine[], { startedAt, at }: Frame): Times {
  const times: Times = { late: 0, longestMs: 0, suspect: 0 }
  for (const { occurredAt } of lines) {
    const delayMs = at.getTime() - occurredAt.getTime()
    if (isSuspect(occurredAt, { startedAt, at })) times.suspect++
    else if (delayMs > LATE_MS) {
      times.late++
      times.longestMs = Math.max(times.longestMs, delayMs)
    }
  }
  return times
}

/** Later than now, or before the device was enrolled: its clock was wrong, or somebody set it. */
export function isSuspect(occurredAt: Date, { startedAt, at }: Frame): boolean {
  return occurredAt.getTime() > at.getTime() + FUTURE_MS || occurredAt.getTime() < startedAt.getTime() - DAY_MS
}
