import { z } from 'zod'
import { formatTime, parseRfc3339 } from '#lib/time.ts'
import type { ActionCategory, ActorKind, Enforcement, Outcome } from '#protocol/audit/actions.ts'
import type { DetailValue } from '#protocol/audit/personal.ts'
import type { DescribedQuery } from '#protocol/audit/query-describe.ts'
import { pageFields, uuidField } from '#server/kernel/fields.ts'

export { APP_EVENT_LIMITS, type AppEventsAnswer, appEventLine } from './app-event-form.ts'
export {
  type ArchiveView,
  archiveRuleInput,
  MIN_ARCHIVE_DAYS,
  SUGGESTED_ARCHIVE_DAYS,
} from './archive/schema.ts'
export {
  IMPORT_LIMITS,
  type ImportAnswer,
  type ImportMappingInput,
  type ImportPreview,
  importInput,
  importMapping,
  importName,
  type MappingView,
  type RejectedLine,
} from './import/mapping.ts'
export {
  HOLD_KINDS,
  type HoldKind,
  type HoldView,
  isShorter,
  KEEPING_CLASSES,
  type KeepingClass,
  listPurgesInput,
  MIN_RETENTION_DAYS,
  MONTHLY_FROM_DAYS,
  type OpenRequest,
  type PurgePreview,
  type PurgeView,
  placeHoldInput,
  purgeIdInput,
  type RetentionRules,
  type RetentionView,
  releaseHoldInput,
  SUGGESTED_DAYS,
} from './keeping/schema.ts'
export { type NamesShown, type Unmasked, unmaskInput } from './masking/schema.ts'
export type { Block, ReportDocument } from './report/document.ts'
export type { Verification, VerificationRun } from './verification/schema.ts'
export { viewersQuery } from './viewers/question.ts'
export type { Coverage, DeviceGap, ReportFacts, Viewer, ViewerBasis, WhoSaw } from './viewers/schema.ts'
export type { SavedSearch, SavedView } from './views/form.ts'
export type {
  AnchorView,
  CheckpointView,
  EpochChoice,
  EpochView,
  LogState,
  Trust,
} from './witness/schema.ts'

/** Totals are counted up to here; beyond, `capped` is true and the value means "at least". */
export const TOTAL_CAP = 2_000

/** Facets count the newest so many matches. */
export const FACET_SAMPLE = 2_000

export const FACET_FIELDS = ['action', 'outcome', 'actor', 'device', 'label', 'source', 'enforcement'] as const
/** One of `FACET_FIELDS`. */
export type FacetField = (typeof FACET_FIELDS)[number]

function timeField() {
  return z.string().transform((text, context) => {
    const time = parseRfc3339(text)
    if (time) return formatTime(time)
    context.addIssue({ code: 'custom', message: 'is not a time like 2026-11-23T09:41:07.318Z' })
    return z.NEVER
  })
}

/** What is asked: `q` in the search language; `from` (included) and `to` (excluded) bound when it occurred. */
export const askFields = {
  q: z.string().max(4_000, 'may have at most 4000 characters').default(''),
  from: timeField().optional(),
  to: timeField().optional(),
}

/** Whether a range ends later than it begins: where it does not, finding nothing would pass for an answer. */
export function endsLater({ from, to }: { from?: string | undefined; to?: string | undefined }): boolean {
  return from === undefined || to === undefined || from < to
}
/** What is wrong with one that does not. */
export const ENDS_EARLIER = { path: ['to'], error: 'must be later than from' }

export const askInput = z.object(askFields).refine(endsLater, ENDS_EARLIER)
export type AskInput = z.input<typeof askInput>
/** A parsed question. */
export type Ask = z.output<typeof askInput>

export const searchInput = z
  .object({
    ...askFields,
    order: z.enum(['newest', 'oldest'], 'must be newest or oldest').default('newest'),
    ...pageFields,
  })
  .refine(endsLater, ENDS_EARLIER)

export const histogramInput = z
  .object({ ...askFields, buckets: z.coerce.number().int().min(1).max(200).default(80) })
  .refine(endsLater, ENDS_EARLIER)

export const facetsInput = z
  .object({
    ...askFields,
    fields: z
      .string()
      .default('action,outcome,device,label')
      .transform((text) => [...new Set(text.split(',').map((name) => name.trim()))])
      .pipe(
        z
          .array(z.enum(FACET_FIELDS, `may name ${FACET_FIELDS.join(', ')}`))
          .min(1)
          .max(FACET_FIELDS.length),
      ),
  })
  .refine(endsLater, ENDS_EARLIER)

/** One event; `q`, `from` and `to` name the search it was opened from, which then is what is recorded. */
export const eventInput = z.object({ ...askFields, q: z.string().max(4_000).optional(), eventId: uuidField() })

const count = (what: string) => z.coerce.number(`is not ${what}`).int().min(0).max(Number.MAX_SAFE_INTEGER)

export const inclusionInput = z.object({ index: count('an index'), size: count('a tree size').optional() })
export const consistencyInput = z.object({ from: count('a tree size'), to: count('a tree size').optional() })

/** Who states an event: `source` without the name behind it. */
export type KnownFrom = 'server' | 'device' | 'app' | 'import'

export type Named = { id: string; name?: string | undefined }

/** An event as people read it: the committed entry and, until they are erased, the personal values beside it. */
export type AuditEventView = {
  id: string
  index: number
  recordedAt: string
  occurredAt: string
  /** The device's clock was off when it wrote `occurredAt`. */
  clock?: 'suspect' | undefined
  action: string
  category: ActionCategory
  outcome: Outcome
  actor: { kind: ActorKind; id?: string | undefined; name?: string | undefined; email?: string | undefined }
  device?: Named | undefined
  target?: (Named & { type: string }) | undefined
  labels: readonly string[]
  policy?: { id: string; version: number; rule?: string | undefined } | undefined
  source: string
  knownFrom: KnownFrom
  enforcement?: Enforcement | undefined
  correlationId?: string | undefined
  address?: string | undefined
  userAgent?: string | undefined
  reason?: string | undefined
  words?: string | undefined
  senderId?: string | undefined
  detail?: { readonly [name: string]: DetailValue } | undefined
  /** The personal values are no longer kept; the proof still holds. */
  isErased?: true | undefined
  /** Stands where pseudonyms do (masking/): what was left out or cut down because it may name somebody. */
  hidden?: readonly HiddenField[] | undefined
}

/** What a masked reader does not see of an event; an address is cut down to its network. */
export type HiddenField = 'address' | 'reason' | 'words' | 'detail'

export type Total = { value: number; capped: boolean }

export type SearchResult = {
  items: AuditEventView[]
  nextCursor: string | null
  /** Everything recorded from here on (for `oldest`: up to here) was looked at; null in an empty log. */
  searchedBackTo: string | null
  total: Total
}

export type HistogramBucket = { start: string; count: number } & Record<Outcome, number>
export type Histogram = {
  from: string
  to: string
  widthMs: number
  buckets: HistogramBucket[]
  /** Time ran out: only what was recorded since `searchedBackTo` is counted. */
  partial: boolean
  searchedBackTo: string
}

/** `kind` is that of an actor. Who acted without an id, as in history, is told by the name, which is then `value` and `label`. */
export type FacetValue = { value: string; label?: string | undefined; kind?: ActorKind | undefined; count: number }
export type Facets = {
  facets: { field: FacetField; values: FacetValue[] }[]
  /** How many matches were counted; `complete` is false when there are more. */
  counted: number
  complete: boolean
}

/** One event with all that its page shows. */
export type EventDetail = {
  event: AuditEventView
  /** The leaf's own text: RFC 8785 canonical JSON. Null where its ids could be turned into hidden names. */
  entry: string | null
  /** What the ids are called today, where that differs from the time of the event. */
  namesNow: Record<string, string>
}

/** A query in words: for the sentence below the query line. `names` gives the names of ids in it. */
export type QueryMeaning = {
  described: DescribedQuery
  normal: string
  /** Conditions that nothing answers while names are hidden from the reader. */
  unanswered: string[]
  /** Words of no field do not look at what was searched for; `action:audit.search` with them does. */
  leavesOutSearches: boolean
}

export type InclusionProof = { index: number; size: number; leafHash: string; hashes: string[]; root: string }
export type ConsistencyProof = { from: number; to: number; fromRoot: string; toRoot: string; hashes: string[] }

/** Is the entry in the tree that was signed last (`size`, `root`), and in the first signed over it? Computed from the tiles each time. */
export type EventProof = {
  index: number
  size: number
  leafHash: string
  root: string
  holds: boolean
  /** The first checkpoint that was signed over it: unaltered since then. Null while it waits for the next. */
  signed: { size: number; at: string } | null
  /** The newest cosignature over it by a witness. */
  witnessed: { name: string; size: number; at: string } | null
}
