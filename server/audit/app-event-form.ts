import { z } from 'zod'
import { hasControl, hasLoneSurrogate } from '#lib/text.ts'
import { parseRfc3339 } from '#lib/time.ts'
import { isUuid } from '#lib/uuid.ts'
import { appMayState, ENFORCEMENTS, isActionName, OUTCOMES } from '#protocol/audit/actions.ts'
import { PLATFORMS } from '#protocol/policy/platforms.ts'

/** Most lines, bytes and bytes a line in one request. */
export const APP_EVENT_LIMITS = { lines: 5_000, bytes: 8 * 1024 * 1024, lineBytes: 32 * 1024 } as const

function line(max: number) {
  return z
    .string()
    .transform((text) => text.normalize('NFC'))
    .pipe(
      z
        .string()
        .min(1, 'is empty')
        .max(max, `may have at most ${max} characters`)
        .refine((text) => text.trim() !== '', 'must not be blank')
        .refine((text) => !hasControl(text), 'must not hold control characters')
        .refine((text) => !hasLoneSurrogate(text), 'must be well-formed Unicode'),
    )
}

const uuid = z
  .string()
  .refine(isUuid, 'must be a UUID')
  .transform((id) => id.toLowerCase())

const time = z.string().transform((text, context) => {
  const at = parseRfc3339(text)
  if (at) return at
  context.addIssue({ code: 'custom', message: 'must be an RFC 3339 time such as 2026-01-31T08:00:00.000Z' })
  return z.NEVER
})

/** One line of `POST /audit/events`: an event of the organisation's own app. Times of any age; the order is the log's. */
export const appEventLine = z.strictObject({
  /** The app's own id of the event: sent again, it is a duplicate. */
  id: line(128),
  at: time,
  action: z
    .string()
    .refine(isActionName, 'must be noun.verb in lower case')
    .refine(appMayState, 'is not an app’s to state: only the server can know it'),
  outcome: z.enum(OUTCOMES, `must be one of ${OUTCOMES.join(', ')}`).default('allowed'),
  enforcement: z.enum(ENFORCEMENTS, `must be one of ${ENFORCEMENTS.join(', ')}`).optional(),
  /** Whose act it was, by id or address; somebody unknown here stays in the detail. */
  person: z.union([z.strictObject({ id: uuid }), z.strictObject({ email: line(254) })]).optional(),
  /** A device of this organisation. */
  device: z.strictObject({ id: uuid }).optional(),
  /** Where the app runs and, for a capture, the platform call that prevented it. */
  platform: z
    .strictObject({ name: z.enum(PLATFORMS), osVersion: line(64).optional(), mechanism: line(64).optional() })
    .optional(),
  target: z
    .strictObject({
      type: z.string().regex(/^[a-z][a-z0-9_]{0,31}$/, 'must be a lower-case word'),
      id: line(128),
      name: line(255).optional(),
    })
    .optional(),
  labels: z.array(line(64)).max(32, 'may have at most 32').optional(),
  /** The client's address as the app saw it. */
  address: z.union([z.ipv4(), z.ipv6()]).optional(),
  reason: line(1_000).optional(),
  detail: z
    .record(
      z.string().regex(/^[a-zA-Z][a-zA-Z0-9_]{0,63}$/, 'names must be letters, digits and underscores'),
      z.union([line(4_000), z.number(), z.boolean()]),
    )
    .optional(),
})

export type AppEvent = z.output<typeof appEventLine>

/** `duplicates` came before under the same id; `rejected` names the line (from 1) and why. The rest is durable and in the tree. */
export type AppEventsAnswer = {
  accepted: number
  duplicates: number
  rejected: { line: number; code: string; detail: string }[]
}
