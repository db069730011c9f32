import 'server-only'
import { z } from 'zod'
import type { HoldKept } from '#protocol/audit/purge-certificate.ts'
import type { Sql } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { defineQuery, type QueryContext } from '#server/kernel/query.ts'
import { namesNow } from '../events.ts'
import { type Masking, maskingFor } from '../masking/masking.ts'
import { shownInQuery } from '../masking/named.ts'
import { type Seen, showing } from '../masking/seen.ts'
import { previewErasure } from './erasure.ts'
import { previewPurge } from './preview.ts'
import { fromMultirange } from './remove.ts'
import { readRules } from './rules.ts'
import {
  type ErasurePreview,
  eraseInput,
  type HoldKind,
  type HoldView,
  type KeepingClass,
  listPurgesInput,
  type OpenRequest,
  type PurgePreview,
  type PurgeView,
  previewInput,
  purgeIdInput,
  type RetentionView,
  retentionInput,
} from './schema.ts'

/** How long what is kept, and whether somebody asked for less. */
export const getRetention = showing(
  defineQuery({
    name: 'audit.retention.get',
    permission: 'audit:read',
    input: z.strictObject({}),
    run: async (context): Promise<Seen<RetentionView>> => {
      const { tx, sql, tenantId } = context
      const open = await tx.brakeRequest.findFirst({
        where: { tenantId, command: 'audit.retention.shorten', state: { in: [...OPEN] } },
        select: {
          id: true,
          state: true,
          notBefore: true,
          input: true,
          requesterId: true,
          requesterName: true,
          reason: true,
        },
      })
      const rules = await readRules(sql, tenantId)
      const masking = await maskingFor(sql, context.actor)
      if (!open) return { answer: { rules, request: null }, masking }
      const input = (await context.vault()).open(open.input, 'brake_request', 'input', open.id)
      const asked = retentionInput.parse(JSON.parse(input.toString()))
      const request = { ...openRequest(open), rules: asked.rules }
      if (masking.isMasked)
        return { answer: { rules, request: { ...request, requestedBy: '…', reason: '…' } }, masking }
      const requestedBy = masking.name('person', open.requesterId, open.requesterName)
      return { answer: { rules, request: { ...request, requestedBy, reason: open.reason } }, masking }
    },
  }),
)

const OPEN = ['held', 'awaiting_approval', 'delayed'] as const

function openRequest({ id, state, notBefore }: { id: string; state: string; notBefore: Date | null }): OpenRequest {
  // The query asks for these states only.
  return { id, state: state as OpenRequest['state'], notBefore: notBefore?.toISOString() ?? null }
}

/** What tonight would remove and what holds keep of it; with `rules`, what it would remove by those. Counted in the log now. */
export const previewKeeping = defineQuery({
  name: 'audit.purge.preview',
  permission: 'audit:read',
  input: previewInput,
  run: ({ tenantId, input, now }): Promise<PurgePreview> => previewPurge(tenantId, { now, rules: input.rules }),
})

/** What erasing a person's values would hit, counted for three seconds; nothing for somebody unknown. */
export const previewPersonErasure = defineQuery({
  name: 'audit.erase.preview',
  permission: 'admin',
  input: eraseInput.pick({ personId: true }),
  run: ({ tenantId, input }): Promise<ErasurePreview> => previewErasure(tenantId, input.personId),
})

type HoldRow = {
  id: string
  name: string
  kind: HoldKind
  target: string | null
  q: string | null
  from: Date | string | null
  to: Date | string | null
  reason: string
  placed_by: string
  placed_by_id: string | null
  placed_at: Date | string
  released_by: string | null
  released_by_id: string | null
  released_at: Date | string | null
  release_reason: string | null
}

/** Every hold, those in force first; an organisation has few. */
export const listHolds = showing(
  defineQuery({
    name: 'audit.holds',
    permission: 'audit:read',
    input: z.strictObject({}),
    run: async (context): Promise<Seen<HoldView[]>> => {
      const { tx, sql, tenantId } = context
      const rows = await sql<HoldRow>(
        `SELECT id::text, name, kind, target_id::text AS target, q, occurred_from AS from, occurred_to AS to, reason, placed_by, placed_by_id::text,
              placed_at, released_by, released_by_id::text, released_at, release_reason
         FROM audit_hold WHERE tenant_id = $1::uuid ORDER BY released_at IS NOT NULL, id DESC LIMIT 500`,
        [tenantId],
      )
      const names = await namesNow(
        tx,
        tenantId,
        rows.map(({ target }) => target ?? undefined),
      )
      const requests = await releaseRequests(context)
      const masking = await maskingFor(sql, context.actor)
      if (!masking.isMasked) masking.shows(rows.flatMap(shownIn))
      const answer = rows.map((row) => maskHold(viewHold(row, names, requests.get(row.id) ?? null), masking))
      return { answer, masking }
    },
  }),
)

async function releaseRequests({ tx, tenantId }: QueryContext<unknown>): Promise<Map<string, OpenRequest>> {
  const open = await tx.brakeRequest.findMany({
    where: { tenantId, command: 'audit.hold.release', state: { in: [...OPEN] } },
    select: { id: true, targetId: true, state: true, notBefore: true },
  })
  return new Map(open.map((request) => [request.targetId, openRequest(request)]))
}

function viewHold(row: HoldRow, names: Record<string, string>, releaseRequest: OpenRequest | null): HoldView {
  const { id, name, kind, target, q, reason } = row
  return {
    id,
    name,
    kind,
    q,
    from: timeOf(row.from),
    to: timeOf(row.to),
    target: target === null ? null : { id: target, name: names[target] ?? target },
    reason,
    placedBy: row.placed_by,
    placedAt: new Date(row.placed_at).toISOString(),
    released:
      row.released_at === null
        ? null
        : {
            by: row.released_by ?? '',
            at: new Date(row.released_at).toISOString(),
            reason: row.release_reason ?? '',
          },
    releaseRequest,
  }
}

/** Whom a hold names beside what it is about. */
function shownIn(row: HoldRow): (string | undefined)[] {
  const by = [row.placed_by_id ?? row.placed_by, row.released_by_id ?? row.released_by ?? undefined]
  return [...by, ...(row.q === null ? [] : shownInQuery(row.q))]
}

/** Whose hold it is, and why, may name people; what it is called is the organisation's own word. */
function maskHold(hold: HoldView, masking: Masking): HoldView {
  const { kind, released } = hold
  const named = kind === 'person' || kind === 'device' ? kind : null
  const target = hold.target &&
    named && { id: masking.id(named, hold.target.id), name: masking.name(named, hold.target.id, hold.target.name) }
  const told = { ...hold, target: target ?? hold.target }
  if (!masking.isMasked) return told
  return {
    ...told,
    q: hold.q && '…',
    reason: '…',
    placedBy: '…',
    released: released && { ...released, by: '…', reason: '…' },
  }
}

function timeOf(value: Date | string | null): string | null {
  return value === null ? null : new Date(value).toISOString()
}

type PurgeListRow = {
  id: string
  class: KeepingClass
  events: string
  from: string
  to: string
  first: Date | string
  last: Date | string
  removed: Date | string
  holds: HoldKept[]
}

/** What was removed, newest first, each with a certificate. Index: the primary key. */
export const listPurges = defineQuery({
  name: 'audit.purges',
  permission: 'audit:read',
  input: listPurgesInput,
  run: async ({ sql, tenantId, input }): Promise<{ items: PurgeView[]; nextCursor: string | null }> => {
    const { limit, cursor } = input
    const rows = await sql<PurgeListRow>(
      `SELECT id::text, class, events::text, lower(range_merge(removed))::text AS from, upper(range_merge(removed))::text AS to,
              first_at AS first, last_at AS last, removed_at AS removed, holds
         FROM audit_purge WHERE tenant_id = $1::uuid AND certificate IS NOT NULL AND ($2::text::uuid IS NULL OR id < $2::text::uuid)
        ORDER BY id DESC LIMIT $3::integer`,
      [tenantId, cursor ?? null, limit + 1],
    )
    const items = rows.slice(0, limit).map(
      (row): PurgeView => ({
        id: row.id,
        class: row.class,
        events: Number(row.events),
        from: Number(row.from),
        to: Number(row.to),
        firstAt: new Date(row.first).toISOString(),
        lastAt: new Date(row.last).toISOString(),
        removedAt: new Date(row.removed).toISOString(),
        holds: [...row.holds],
      }),
    )
    return { items, nextCursor: rows.length > limit ? (items.at(-1)?.id ?? null) : null }
  },
})

/** The signed certificate of one purge, word for word. @throws AppError not_found */
export const getPurgeCertificate = defineQuery({
  name: 'audit.purge.certificate',
  permission: 'audit:read',
  input: purgeIdInput,
  run: async ({ sql, tenantId, input }): Promise<{ name: string; text: string }> => {
    const [row] = await sql<{ certificate: string }>(
      'SELECT certificate FROM audit_purge WHERE tenant_id = $1::uuid AND id = $2::uuid AND certificate IS NOT NULL',
      [tenantId, input.purgeId],
    )
    if (!row) throw new AppError('not_found', { detail: 'There is no such purge.' })
    return { name: `purge-${input.purgeId}.txt`, text: row.certificate }
  },
})

/** Entries that were removed in one go. `ranges` are their places. */
export type PurgedRange = {
  purgeId: string
  class: KeepingClass
  ranges: readonly { from: number; to: number }[]
  events: number
  firstAt: Date
  lastAt: Date
  removedAt: Date
}

/** What is no longer kept, oldest first; optionally only purges that touch entries recorded from `from` to `to`. */
export async function purgedRanges(
  sql: Sql,
  tenantId: string,
  { from, to }: { from?: Date; to?: Date } = {},
): Promise<PurgedRange[]> {
  const rows = await sql<Omit<PurgeListRow, 'from' | 'to' | 'holds'> & { ranges: string }>(
    `SELECT id::text, class, events::text, removed::text AS ranges, first_at AS first, last_at AS last, removed_at AS removed FROM audit_purge
      WHERE tenant_id = $1::uuid AND certificate IS NOT NULL AND last_at >= $2::text::timestamptz AND first_at <= $3::text::timestamptz ORDER BY id`,
    [tenantId, from?.toISOString() ?? '-infinity', to?.toISOString() ?? 'infinity'],
  )
  return rows.map((row) => ({
    purgeId: row.id,
    class: row.class,
    ranges: fromMultirange(row.ranges),
    events: Number(row.events),
    firstAt: new Date(row.first),
    lastAt: new Date(row.last),
    removedAt: new Date(row.removed),
  }))
}

/** The signed certificates of the log, oldest first, for whoever verifies it. */
export async function purgeCertificates(sql: Sql, tenantId: string): Promise<string[]> {
  const rows = await sql<{ certificate: string }>(
    'SELECT certificate FROM audit_purge WHERE tenant_id = $1::uuid AND certificate IS NOT NULL ORDER BY id',
    [tenantId],
  )
  return rows.map(({ certificate }) => certificate)
}

/** What holds are called, by id. */
export async function holdNames(sql: Sql, tenantId: string, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map()
  const rows = await sql<{ id: string; name: string }>(
    'SELECT id::text, name FROM audit_hold WHERE tenant_id = $1::uuid AND id = ANY($2::text::uuid[])',
    [tenantId, `{${ids.join(',')}}`],
  )
  return new Map(rows.map(({ id, name }) => [id, name]))
}
