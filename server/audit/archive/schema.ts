import { z } from 'zod'
import type { ArchiveProblem } from './problem.ts'

export const MIN_ARCHIVE_DAYS = 30
export const MAX_ARCHIVE_DAYS = 36_500
/** What the form suggests; nothing is archived until somebody chooses. */
export const SUGGESTED_ARCHIVE_DAYS = 90

/** After how many days a closed day of the log becomes a file; null: no more of them. */
export const archiveRuleInput = z.strictObject({
  days: z
    .int(`must be a number of days from ${MIN_ARCHIVE_DAYS} to ${MAX_ARCHIVE_DAYS}, or null`)
    .min(MIN_ARCHIVE_DAYS, `must be at least ${MIN_ARCHIVE_DAYS} days`)
    .max(MAX_ARCHIVE_DAYS, `must be at most ${MAX_ARCHIVE_DAYS} days`)
    .nullable(),
})

/** What of a log is in the archive, and how the last night went. */
export type ArchiveView = {
  days: number | null
  /** Null where nothing is archived. First and last day (UTC), files, events in them, bytes of the files. */
  cold: { first: string; last: string; files: number; events: number; bytes: number } | null
  place: { kind: 'directory' } | { kind: 's3'; bucket: string }
  /** Null before the first night. */
  ranAt: string | null
  problem: ArchiveProblem | null
}
