import { z } from 'zod'
import { formatTime, parseRfc3339 } from '#lib/time.ts'
import { pageFields, textField, uuidField } from '#server/kernel/fields.ts'

/** Classes of entries; which one an entry has is fixed when it is recorded. */
export const KEEPING_CLASSES = ['control', 'access', 'activity'] as const
/** One of `KEEPING_CLASSES`. */
export type KeepingClass = (typeof KEEPING_CLASSES)[number]

export const MIN_RETENTION_DAYS = 30
export const MAX_RETENTION_DAYS = 36_500
/** A period of a year or more ends with a month: what expires waits for the rest of its month, thirty days at most. */
export const MONTHLY_FROM_DAYS = 365

/** What the form suggests; nothing is removed until somebody chooses. */
export const SUGGESTED_DAYS: Readonly<Record<KeepingClass, number>> = { control: 3_650, access: 730, activity: 1_095 }

/** Days by class; null keeps for ever. */
export type RetentionRules = Readonly<Record<KeepingClass, number | null>>

export const KEEP_EVERYTHING: RetentionRules = { control: null, access: null, activity: null }

const days = z
  .int(`must be a number of days from ${MIN_RETENTION_DAYS} to ${MAX_RETENTION_DAYS}, or null`)
  .min(MIN_RETENTION_DAYS, `must be at least ${MIN_RETENTION_DAYS} days`)
  .max(MAX_RETENTION_DAYS, `must be at most ${MAX_RETENTION_DAYS} days`)
  .nullable()

export const retentionRules = z.strictObject({ control: days, access: days, activity: days })

const reason = textField({ min: 3, max: 500 })

export const retentionInput = z.strictObject({ rules: retentionRules, reason })

export const HOLD_KINDS = ['person', 'device', 'file', 'search'] as const
/** What a hold is about: somebody, a device, a file with all its copies, or whatever a search finds. */
export type HoldKind = (typeof HOLD_KINDS)[number]

/** A bound of when events occurred; an empty field of a form is none. */
function timeField() {
  return z
    .string()
    .optional()
    .transform((text, context) => {
      if (text === undefined || text.trim() === '') return undefined
      const time = parseRfc3339(text)
      if (time) return formatTime(time)
      context.addIssue({ code: 'custom', message: 'is not a time like 2026-11-23T09:41:07.318Z' })
      return z.NEVER
    })
}

const holdName = textField({ min: 2, max: 60 })
const about = <K extends 'person' | 'device' | 'file'>(kind: K) =>
  z.strictObject({ kind: z.literal(kind), name: holdName, reason, targetId: uuidField() })

export const placeHoldInput = z.discriminatedUnion('kind', [
  about('person'),
  about('device'),
  about('file'),
  z.strictObject({
    kind: z.literal('search'),
    name: holdName,
    reason,
    q: z.string().max(4_000, 'may have at most 4000 characters').default(''),
    from: timeField(),
    to: timeField(),
  }),
])
export type PlaceHold = z.output<typeof placeHoldInput>

export const releaseHoldInput = z.strictObject({ holdId: uuidField(), reason })
export const eraseInput = z.strictObject({ personId: uuidField(), reason })
export const purgeIdInput = z.strictObject({ purgeId: uuidField() })
export const listPurgesInput = z.strictObject({ ...pageFields, cursor: uuidField().optional() })
export const previewInput = z.strictObject({ rules: retentionRules.optional() })

/** A brake request that waits: `state` says for what. */
export type OpenRequest = { id: string; state: 'held' | 'awaiting_approval' | 'delayed'; notBefore: string | null }

export type HoldView = {
  id: string
  name: string
  kind: HoldKind
  /** Of a search without terms: everything. */
  q: string | null
  from: string | null
  to: string | null
  target: { id: string; name: string } | null
  reason: string
  placedBy: string
  placedAt: string
  released: { by: string; at: string; reason: string } | null
  /** Somebody asked for its release; until that is carried out it holds. */
  releaseRequest: OpenRequest | null
}

export type RetentionView = {
  rules: RetentionRules
  /** Somebody asked for shorter ones. */
  request: (OpenRequest & { rules: RetentionRules; requestedBy: string; reason: string }) | null
}

/** What the next night would remove, counted in the log now. */
export type PurgePreview = {
  /** Midnight UTC up to which each class goes; null where nothing expires. */
  until: Readonly<Record<KeepingClass, string | null>>
  goes: number
  kept: number
  classes: { class: KeepingClass; goes: number; kept: number; days: { day: string; goes: number; kept: number }[] }[]
  holds: { id: string; name: string; kept: number }[]
  /** Time was up before everything was counted: the figures are "at least". */
  partial: boolean
}

export type PurgeView = {
  id: string
  class: KeepingClass
  events: number
  from: number
  to: number
  firstAt: string
  lastAt: string
  removedAt: string
  holds: { id: string; name: string; kept: number }[]
}

export type ErasurePreview = { events: number; kept: number; holds: string[]; partial: boolean }

/** Whether `next` keeps anything for a shorter time than `now`: then it is irreversible. */
export function isShorter(now: RetentionRules, next: RetentionRules): boolean {
  return KEEPING_CLASSES.some(
    (name) => (next[name] ?? Number.POSITIVE_INFINITY) < (now[name] ?? Number.POSITIVE_INFINITY),
  )
}

/** Whether two sets of rules are the same. */
export function areSame(now: RetentionRules, next: RetentionRules): boolean {
  return KEEPING_CLASSES.every((name) => now[name] === next[name])
}
