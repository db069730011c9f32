import { z } from 'zod'
import { isTimeZone } from '#lib/zoned-time.ts'
import { BUNDLE_FORMATS, type BundleFormat } from '#protocol/audit/bundle.ts'
import { askFields, ENDS_EARLIER, endsLater } from '#server/audit/schema.ts'
import { uuidField } from '#server/kernel/fields.ts'

/** A finished export is kept so long, at most: the oldest go earlier where room is needed. */
export const EXPORT_LIFETIME_DAYS = 7
/** Exports of one asker that wait or run at the same time, at most. */
export const MOST_UNFINISHED = 5

/** `asOf` takes the log as it was at that size; without it, as it is now. */
export const exportInput = z
  .object({
    ...askFields,
    format: z.enum(BUNDLE_FORMATS, `must be ${BUNDLE_FORMATS.join(', ')}`),
    timeZone: z.string().max(64).default('UTC').refine(isTimeZone, 'is not a time zone like Europe/Berlin'),
    asOf: z.coerce.number('is not a tree size').int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
  })
  .refine(endsLater, ENDS_EARLIER)

export const exportIdInput = z.object({ exportId: uuidField() })

/** queued → running (parts are written) → sealing (proof and manifest) → ready → expired; or failed, or cancelled. */
export const EXPORT_STATES = ['queued', 'running', 'sealing', 'ready', 'failed', 'cancelled', 'expired'] as const
/** One of `EXPORT_STATES`. */
export type ExportState = (typeof EXPORT_STATES)[number]

/** Why an export failed: an entry was altered in the database, the log cannot be signed, or it alone needs more room than there is. */
export type ExportProblem = { code: 'entry_altered' | 'not_signed' | 'too_large' | 'failed'; index: number | null }

export type ExportPart = { name: string; events: number; sizeBytes: number; sha256: string }

export type ExportView = {
  id: string
  state: ExportState
  q: string
  from: string | null
  to: string | null
  format: BundleFormat
  timeZone: string
  /** Only the first so many entries of the log are looked at. */
  asOf: number
  /** Names are pseudonyms, entries are left out. */
  masked: boolean
  /** Whether its asker may have it now: one with names only while they see names, and where reasons are asked only if it was made under one. */
  isShown: boolean
  createdAt: string
  finishedAt: string | null
  expiresAt: string | null
  /** How much of the log was looked through, 0 to 1. */
  progress: number
  events: number
  parts: ExportPart[]
  /** Of the whole bundle; null until it is ready. */
  sizeBytes: number | null
  /** The signed tree that it is proven in; null until it is ready. */
  checkpointSize: number | null
  problem: ExportProblem | null
}

export type ExportList = { items: ExportView[]; nextCursor: string | null }

/** Whether it can still be stopped. */
export function isUnfinished({ state }: Pick<ExportView, 'state'>): boolean {
  return state === 'queued' || state === 'running' || state === 'sealing'
}
