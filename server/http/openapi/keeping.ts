import { z } from 'zod'
import {
  HOLD_KINDS,
  type HoldView,
  KEEPING_CLASSES,
  listPurgesInput,
  type OpenRequest,
  type PurgePreview,
  type PurgeView,
  placeHoldInput,
  purgeIdInput,
  type RetentionView,
  releaseHoldInput,
} from '#server/audit/schema.ts'
import type { Operation, Sent } from './operation.ts'
import { pageOf } from './views.ts'

type Describes<T> = z.ZodType<Sent<T>>

const time = z.string().meta({ description: 'RFC 3339, UTC, with milliseconds' })
const count = z.int().min(0)
const days = z.int().min(30).nullable().meta({ description: 'days; null keeps for ever' })
const keepingClass = z.enum(KEEPING_CLASSES)
const rules = z.object({ control: days, access: days, activity: days })
const keptByHold = z.object({ id: z.string(), name: z.string(), kept: count })

const openRequest: Describes<OpenRequest> = z.object({
  id: z.string(),
  state: z.enum(['held', 'awaiting_approval', 'delayed']),
  notBefore: time.nullable(),
})

const retention: Describes<RetentionView> = z.object({
  rules,
  request: z
    .object({
      id: z.string(),
      state: z.enum(['held', 'awaiting_approval', 'delayed']),
      notBefore: time.nullable(),
      rules,
      requestedBy: z.string(),
      reason: z.string(),
    })
    .nullable(),
})

const until = time.nullable().meta({ description: 'what was recorded before goes; null where nothing expires' })
const preview: Describes<PurgePreview> = z.object({
  until: z.object({ control: until, access: until, activity: until }),
  goes: count,
  kept: count,
  classes: z.array(
    z.object({
      class: keepingClass,
      goes: count,
      kept: count,
      days: z.array(z.object({ day: z.string(), goes: count, kept: count })),
    }),
  ),
  holds: z.array(keptByHold),
  partial: z.boolean().meta({ description: 'time was up: the figures are "at least"' }),
})

const hold: Describes<HoldView> = z.object({
  id: z.string(),
  name: z.string(),
  kind: z.enum(HOLD_KINDS),
  q: z.string().nullable(),
  from: time.nullable(),
  to: time.nullable(),
  target: z.object({ id: z.string(), name: z.string() }).nullable(),
  reason: z.string(),
  placedBy: z.string(),
  placedAt: time,
  released: z.object({ by: z.string(), at: time, reason: z.string() }).nullable(),
  releaseRequest: openRequest.nullable(),
})

const purge: Describes<PurgeView> = z.object({
  id: z.string(),
  class: keepingClass,
  events: count,
  from: count,
  to: count,
  firstAt: time,
  lastAt: time,
  removedAt: time,
  holds: z.array(keptByHold),
})

const read = { method: 'get', scope: 'audit:read', status: 200 } as const

/** How long the log keeps what, legal holds, and what was removed under which certificate. */
export const keepingOperations: readonly Operation[] = [
  {
    ...read,
    path: '/audit/retention',
    id: 'getRetention',
    summary: 'How long what is kept, and whether somebody asked for less',
    answer: { schema: retention },
  },
  {
    ...read,
    path: '/audit/purges/preview',
    id: 'previewPurge',
    summary: 'What tonight would remove and what holds keep of it, counted now',
    answer: { schema: preview },
  },
  {
    ...read,
    path: '/audit/purges',
    id: 'listPurges',
    summary: 'What was removed, newest first',
    input: listPurgesInput,
    answer: { schema: pageOf(purge) },
  },
  {
    ...read,
    path: '/audit/purges/{purgeId}/certificate',
    id: 'getPurgeCertificate',
    summary: 'The signed certificate of a purge, for gatehouse verify',
    input: purgeIdInput,
    answer: { schema: z.string(), type: 'text/plain' },
    problems: ['not_found'],
  },
  {
    ...read,
    path: '/audit/holds',
    id: 'listHolds',
    summary: 'Every legal hold, those in force first',
    answer: { schema: pageOf(hold) },
  },
  {
    method: 'post',
    scope: 'audit:export',
    status: 201,
    path: '/audit/holds',
    id: 'placeHold',
    summary: 'Place a legal hold; it holds at once',
    input: placeHoldInput,
    answer: { schema: z.object({ id: z.string() }) },
    problems: ['invalid', 'query_invalid', 'not_found', 'conflict'],
  },
  {
    method: 'post',
    scope: 'admin',
    status: 202,
    path: '/audit/holds/{holdId}/release',
    id: 'releaseHold',
    summary: 'Ask for a hold to be released; what a key asks waits for a person',
    input: releaseHoldInput,
    answer: {
      schema: z.object({
        requestId: z.string(),
        state: z.enum(['held', 'awaiting_approval', 'delayed']),
        notBefore: time.nullable(),
      }),
    },
    problems: ['invalid', 'not_found', 'conflict'],
  },
]
