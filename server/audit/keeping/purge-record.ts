import 'server-only'
import { z } from 'zod'
import { type HoldKept, mergeRanges } from '#protocol/audit/purge-certificate.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { defineCommand } from '#server/kernel/command.ts'
import { pgTransaction, type Sql } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import type { PurgeRow } from './certificate.ts'
import { fromMultirange, toMultirange, toRanges } from './remove.ts'
import { lockKeeping, readRevision } from './rules.ts'
import { KEEPING_CLASSES, type KeepingClass } from './schema.ts'

/** What one purge is about to remove, planned under one state of rules and holds. */
export type PlannedPurge = {
  id: string
  class: KeepingClass
  days: number
  removed: readonly number[]
  held: readonly number[]
  firstAt: Date
  lastAt: Date
  /** Hex. */
  leaves: string
  holds: readonly HoldKept[]
  revision: number
}

const plannedInput = z.object({
  id: z.string(),
  class: z.enum(KEEPING_CLASSES),
  days: z.number(),
  removed: z.string(),
  held: z.string(),
  events: z.number(),
  kept: z.number(),
  from: z.number(),
  to: z.number(),
  firstAt: z.string(),
  lastAt: z.string(),
  leaves: z.string(),
  holds: z.array(z.object({ id: z.string(), name: z.string(), kept: z.number() })),
  revision: z.number(),
})

const target = ({ id }: { id: string }) => ({ type: 'purge', id })

const record = defineCommand({
  action: 'audit.purge',
  permission: 'system',
  risk: 'none',
  input: plannedInput,
  target,
  execute: async ({ sql, tenantId, input, now }) => {
    await lockKeeping(sql, tenantId)
    if ((await readRevision(sql, tenantId)) !== input.revision) throw new AppError('conflict', { detail: CHANGED })
    await sql(
      `INSERT INTO audit_purge (tenant_id, id, class, retention_days, removed, held, events, first_at, last_at, holds, leaves, revision, state, recorded_at)
       VALUES ($1::uuid, $2::uuid, $3::text, $4::integer, $5::text::int8multirange, $6::text::int8multirange, $7::text::bigint, $8::text::timestamptz,
               $9::text::timestamptz, $10::text::jsonb, decode($11::text, 'hex'), $12::text::bigint, 'recorded', $13::text::timestamptz)`,
      [
        tenantId,
        input.id,
        input.class,
        input.days,
        input.removed,
        input.held,
        String(input.events),
        input.firstAt,
        input.lastAt,
        JSON.stringify(input.holds),
        input.leaves,
        String(input.revision),
        now.toISOString(),
      ],
    )
    return {
      result: null,
      audit: {
        action: 'audit.purge',
        target: target(input),
        detail: {
          class: input.class,
          days: String(input.days),
          events: String(input.events),
          kept: String(input.kept),
          holds: input.holds.map(({ name }) => name),
          first: String(input.from),
          last: String(input.to),
          leaves: input.leaves,
        },
      },
    }
  },
})

const CHANGED = 'Rules or holds have changed since this was planned.'

/** Writes down what is about to go; nothing has gone yet. @throws AppError conflict when rules or holds have changed since */
export async function recordPurge(tenantId: string, planned: PlannedPurge): Promise<void> {
  const { removed, held } = planned
  await record(systemActor(tenantId, 'keeping'), {
    ...planned,
    holds: [...planned.holds],
    removed: toMultirange(toRanges(removed)),
    held: toMultirange(mergeRanges(toRanges(held))),
    events: removed.length,
    kept: held.length,
    from: removed[0] ?? 0,
    to: removed.at(-1) ?? 0,
    firstAt: planned.firstAt.toISOString(),
    lastAt: planned.lastAt.toISOString(),
  })
}

const abandon = defineCommand({
  action: 'audit.purge',
  name: 'audit.purge.abandon',
  permission: 'system',
  risk: 'none',
  input: z.object({
    id: z.string().nullable(),
    class: z.string(),
    why: z.enum(['changed', 'altered', 'contradicted', 'missing']),
    index: z.number().optional(),
  }),
  execute: async ({ sql, tenantId, input: { id, class: name, why, index } }) => {
    if (id !== null)
      await sql(
        `UPDATE audit_purge SET state = 'withdrawn' WHERE tenant_id = $1::uuid AND id = $2::uuid AND state = 'recorded'`,
        [tenantId, id],
      )
    return {
      result: null,
      audit: {
        action: 'audit.purge',
        outcome: 'failed',
        ...(id === null ? {} : { target: target({ id }) }),
        detail: { class: name, problem: why, ...(index === undefined ? {} : { index: String(index) }) },
      },
    }
  },
})

/** Says in the log that a purge does not take place, and why; one that was recorded is withdrawn. */
export async function abandonPurge(
  tenantId: string,
  problem: {
    id: string | null
    class: string
    why: 'changed' | 'altered' | 'contradicted' | 'missing'
    index?: number
  },
): Promise<void> {
  await abandon(systemActor(tenantId, 'keeping'), problem)
}

export type OpenPurge = PurgeRow & { state: 'recorded' | 'removed' }

/** What was planned as it is read back when it is recorded. */
export function asRecorded({ removed, ...planned }: PlannedPurge): OpenPurge {
  return { ...planned, removed: toRanges(removed), events: removed.length, state: 'recorded' }
}

/** Purges that a crash left half done, in their order. Index: audit_purge_open. */
export async function openPurges(sql: Sql, tenantId: string): Promise<OpenPurge[]> {
  const rows = await sql<{
    id: string
    class: string
    days: number
    removed: string
    events: string
    first: Date | string
    last: Date | string
    leaves: string
    holds: HoldKept[]
    state: OpenPurge['state']
  }>(
    `SELECT id::text, class, retention_days AS days, removed::text, events::text, first_at AS first, last_at AS last, encode(leaves, 'hex') AS leaves, holds, state
       FROM audit_purge WHERE tenant_id = $1::uuid AND state IN ('recorded', 'removed') ORDER BY id`,
    [tenantId],
  )
  return rows.map(({ removed, events, first, last, ...row }) => ({
    ...row,
    removed: fromMultirange(removed),
    events: Number(events),
    firstAt: new Date(first),
    lastAt: new Date(last),
  }))
}

/** The search forgets what was removed; after that nothing of the purge is left to do. */
export async function finishPurge(tenantId: string, id: string): Promise<void> {
  // Outside a command: the second half of one that stands in the log.
  await pgTransaction('writer', tenantId, (_client, sql) =>
    sql(`UPDATE audit_purge SET state = 'done' WHERE tenant_id = $1::uuid AND id = $2::uuid AND state = 'removed'`, [
      tenantId,
      id,
    ]),
  )
}
