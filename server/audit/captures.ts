import 'server-only'
import { z } from 'zod'
import { formatTime } from '#lib/time.ts'
import { defineQuery } from '#server/kernel/query.ts'
import { histogram } from './histogram.ts'

const DAY_MS = 86_400_000

/** What was counted: also the search behind the figures. */
export const CAPTURES_QUERY = 'action:screenshot.attempt'

export type CaptureDays = {
  /** First day included, RFC 3339. */
  from: string
  days: { start: string; prevented: number; noticed: number }[]
  total: number
  /** Time ran out: earlier days are not all counted. */
  partial: boolean
}

/**
 * Attempts to capture the screen in the last fourteen days (UTC), today included. Figures without names or events: looking at
 * them is no search and is not logged; the list behind them is.
 */
export const countCaptures = defineQuery({
  name: 'audit.captures',
  permission: 'audit:read',
  input: z.strictObject({}),
  run: async ({ sql, tenantId, now }): Promise<CaptureDays> => {
    const tomorrow = (Math.floor(now.getTime() / DAY_MS) + 1) * DAY_MS
    const ask = { q: CAPTURES_QUERY, from: formatTime(tomorrow - 14 * DAY_MS), to: formatTime(tomorrow), buckets: 14 }
    const { buckets, partial } = await histogram(sql, tenantId, ask, now)
    // Only what a listed mechanism prevented is denied (CONTRACT, enforcement); the rest was noticed and probably taken.
    const days = buckets.map(({ start, count, denied }) => ({ start, prevented: denied, noticed: count - denied }))
    return { from: ask.from, days, total: buckets.reduce((sum, { count }) => sum + count, 0), partial }
  },
})
