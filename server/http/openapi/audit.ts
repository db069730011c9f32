import { z } from 'zod'
import { ACTOR_KINDS, ENFORCEMENTS, OUTCOMES } from '#protocol/audit/actions.ts'
import {
  type AppEventsAnswer,
  type AuditEventView,
  appEventLine,
  askFields,
  type ConsistencyProof,
  consistencyInput,
  type EventDetail,
  FACET_FIELDS,
  type Facets,
  facetsInput,
  type Histogram,
  histogramInput,
  type InclusionProof,
  inclusionInput,
  searchInput,
} from '#server/audit/schema.ts'
import type { Operation, Sent } from './operation.ts'
import { pageOf, withTotal } from './views.ts'

type Describes<T> = z.ZodType<Sent<T>>

const time = z.string().meta({ description: 'RFC 3339, UTC, with milliseconds' })
const named = z.object({ id: z.string(), name: z.string().optional() })
const count = z.int().min(0)
const hash = z.string().meta({ description: 'SHA-256, base64' })

const category: Describes<AuditEventView['category']> = z.enum([
  'sign-in',
  'people',
  'devices',
  'wipe',
  'policy',
  'content',
  'audit',
  'organisation',
  'custom',
])
const detailText = z.string()

const event: Describes<AuditEventView> = z
  .object({
    id: z.uuid(),
    index: count.meta({ description: 'Its place in the tree' }),
    recordedAt: time,
    occurredAt: time,
    clock: z.literal('suspect').optional(),
    action: z.string(),
    category,
    outcome: z.enum(OUTCOMES),
    actor: z.object({
      kind: z.enum(ACTOR_KINDS),
      id: z.string().optional(),
      name: z.string().optional(),
      email: z.string().optional(),
    }),
    device: named.optional(),
    target: named.extend({ type: z.string() }).optional(),
    labels: z.array(z.string()),
    policy: z.object({ id: z.string(), version: z.int(), rule: z.string().optional() }).optional(),
    source: z.string().meta({ description: '`server`, `device`, `app:NAME` or `import:NAME`' }),
    knownFrom: z.enum(['server', 'device', 'app', 'import']),
    enforcement: z.enum(ENFORCEMENTS).optional(),
    correlationId: z.string().optional(),
    address: z.string().optional(),
    userAgent: z.string().optional(),
    reason: z.string().optional(),
    words: z.string().optional(),
    senderId: z.string().optional(),
    detail: z
      .record(
        z.string(),
        z.union([detailText, z.object({ before: detailText.optional(), after: detailText.optional() })]),
      )
      .optional(),
    isErased: z.literal(true).optional(),
    hidden: z
      .array(z.enum(['address', 'reason', 'words', 'detail']))
      .optional()
      .meta({ description: 'Stands where pseudonyms do: what was left out or cut down because it may name somebody' }),
  })
  .meta({ id: 'AuditEvent' })

const eventDetail: Describes<EventDetail> = z
  .object({
    event,
    entry: z
      .string()
      .nullable()
      .meta({ description: 'The leaf: RFC 8785 canonical JSON. Null where its ids could be turned into hidden names' }),
    namesNow: z.record(z.string(), z.string()),
  })
  .meta({ id: 'AuditEventDetail' })

const histogram: Describes<Histogram> = z
  .object({
    from: time,
    to: time,
    widthMs: z.number(),
    buckets: z.array(z.object({ start: time, count, allowed: count, denied: count, pending: count, failed: count })),
    partial: z.boolean(),
    searchedBackTo: time,
  })
  .meta({ id: 'AuditHistogram' })

const facets: Describes<Facets> = z
  .object({
    facets: z.array(
      z.object({
        field: z.enum(FACET_FIELDS),
        values: z.array(
          z.object({ value: z.string(), label: z.string().optional(), kind: z.enum(ACTOR_KINDS).optional(), count }),
        ),
      }),
    ),
    counted: count,
    complete: z.boolean(),
  })
  .meta({ id: 'AuditFacets' })

const inclusion: Describes<InclusionProof> = z.object({
  index: count,
  size: count,
  leafHash: hash,
  hashes: z.array(hash),
  root: hash,
})

const consistency: Describes<ConsistencyProof> = z.object({
  from: count,
  to: count,
  fromRoot: hash,
  toRoot: hash,
  hashes: z.array(hash),
})

const appEventsAnswer: Describes<AppEventsAnswer> = z.object({
  accepted: count,
  duplicates: count,
  rejected: z.array(z.object({ line: count, code: z.string(), detail: z.string() })),
})

const eventIdInput = z.object({ eventId: z.uuid() })
const read = { method: 'get', scope: 'audit:read', status: 200 } as const

export const auditOperations: readonly Operation[] = [
  {
    ...read,
    path: '/audit/events',
    id: 'searchAudit',
    summary: 'Search the log. The search itself is logged, once in ten minutes',
    input: searchInput,
    answer: { schema: pageOf(event, { searchedBackTo: time.nullable(), ...withTotal }) },
    problems: ['query_invalid'],
  },
  {
    method: 'post',
    scope: 'audit:write',
    status: 200,
    path: '/audit/events',
    id: 'recordAppEvents',
    summary:
      'State events of your own apps: NDJSON, at most 5,000 lines or 8 MiB; durable when answered, harmless to repeat',
    body: { type: 'application/x-ndjson', schema: appEventLine },
    answer: { schema: appEventsAnswer },
    problems: ['invalid', 'too_large', 'unsupported_media_type'],
  },
  {
    ...read,
    path: '/audit/events/{eventId}',
    id: 'getAuditEvent',
    summary: 'One event with its committed entry',
    input: eventIdInput.extend(askFields),
    answer: { schema: eventDetail },
    problems: ['query_invalid'],
  },
  {
    ...read,
    path: '/audit/events/{eventId}/proof',
    id: 'getEventProof',
    summary: 'Its C2SP .tlog-proof',
    input: eventIdInput,
    answer: { schema: z.string(), type: 'text/plain' },
    problems: ['conflict'],
  },
  {
    ...read,
    path: '/audit/actions',
    id: 'listAuditActions',
    summary: 'Every action that the product writes',
    answer: {
      schema: pageOf(z.object({ action: z.string(), category, statedBy: z.enum(['server', 'anyone']) })),
    },
  },
  {
    ...read,
    path: '/audit/histogram',
    id: 'getAuditHistogram',
    summary: 'Matches over time, by outcome',
    input: histogramInput,
    answer: { schema: histogram },
    problems: ['query_invalid'],
  },
  {
    ...read,
    path: '/audit/facets',
    id: 'getAuditFacets',
    summary: 'The most frequent values among the newest matches',
    input: facetsInput,
    answer: { schema: facets },
    problems: ['query_invalid'],
  },
  {
    ...read,
    path: '/audit/proof/inclusion',
    id: 'getInclusionProof',
    summary: 'Proof that a leaf is in the tree (RFC 6962)',
    input: inclusionInput,
    answer: { schema: inclusion },
  },
  {
    ...read,
    path: '/audit/proof/consistency',
    id: 'getConsistencyProof',
    summary: 'Proof that a larger tree extends a smaller one (RFC 6962)',
    input: consistencyInput,
    answer: { schema: consistency },
  },
]
