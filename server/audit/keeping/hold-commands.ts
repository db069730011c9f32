import 'server-only'
import { uuidv7 } from '#lib/uuid.ts'
import { formatQuery } from '#protocol/audit/query.ts'
import { actorName } from '#server/kernel/actor.ts'
import { defineIrreversible, fingerprint } from '#server/kernel/brake.ts'
import type { BrakeRequest, BrakeTarget } from '#server/kernel/brake-request.ts'
import { defineCommand } from '#server/kernel/command.ts'
import { isUniqueViolation, type Sql, type Tx } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { maskingFor } from '../masking/masking.ts'
import { readQuery } from '../plan.ts'
import { bumpRevision, lockKeeping } from './rules.ts'
import { type HoldKind, type PlaceHold, placeHoldInput, releaseHoldInput } from './schema.ts'

/**
 * Places a legal hold: from now on what it is about stays, whatever the retention. It waits for a removal under way.
 * @throws AppError not_found for somebody or something that is not there · query_invalid · conflict when a hold in force has the
 * name · forbidden for people, devices and searches while names are hidden
 */
export const placeHold = defineCommand({
  action: 'audit.hold',
  permission: 'audit:export',
  risk: 'none',
  input: placeHoldInput,
  execute: async ({ tx, sql, tenantId, actor, input, now }) => {
    // What a hold keeps is counted: it would tell how much there is about somebody whose name is hidden.
    if (input.kind !== 'file' && (await maskingFor(sql, actor)).isMasked)
      throw new AppError('forbidden', { detail: 'While names are hidden from you, only files can be held.' })
    const about = await aboutOf(tx, tenantId, input)
    await lockKeeping(sql, tenantId)
    const id = uuidv7(now.getTime())
    await sql(
      `INSERT INTO audit_hold (tenant_id, id, name, kind, target_id, q, occurred_from, occurred_to, reason, placed_by, placed_at, placed_by_id)
       VALUES ($1::uuid, $2::uuid, $3::text, $4::text, $5::text::uuid, $6::text, $7::text::timestamptz, $8::text::timestamptz, $9::text, $10::text, $11::text::timestamptz, $12::text::uuid)`,
      [
        tenantId,
        id,
        input.name,
        input.kind,
        about.targetId,
        about.q,
        about.from,
        about.to,
        input.reason,
        actorName(actor),
        now.toISOString(),
        actor.kind === 'person' ? actor.personId : null,
      ],
    ).catch(refuseSameName)
    await bumpRevision(sql, tenantId)
    return {
      result: { id },
      audit: {
        action: 'audit.hold',
        target: { type: 'hold', id, name: input.name },
        reason: input.reason,
        detail: { kind: input.kind, ...about.detail },
      },
      notify: ['keeping'],
    }
  },
})

type About = {
  targetId: string | null
  q: string | null
  from: string | null
  to: string | null
  detail: Record<string, string>
}

async function aboutOf(tx: Tx, tenantId: string, input: PlaceHold): Promise<About> {
  if (input.kind === 'search') {
    const { from, to } = input
    const q = formatQuery(readQuery(input.q))
    if (from && to && from >= to)
      throw new AppError('invalid', {
        detail: 'to: must be later than from',
        fields: { to: 'must be later than from' },
      })
    const detail = { query: q, ...(from && { from }), ...(to && { to }) }
    return { targetId: null, q, from: from ?? null, to: to ?? null, detail }
  }
  const { kind, targetId } = input
  if (!(await exists(tx, tenantId, kind, targetId)))
    throw new AppError('not_found', { detail: `There is no such ${kind}.`, fields: { targetId: 'is not there' } })
  return { targetId, q: null, from: null, to: null, detail: { about: targetId } }
}

async function exists(tx: Tx, tenantId: string, kind: Exclude<HoldKind, 'search'>, id: string): Promise<boolean> {
  const where = { tenantId, id }
  if (kind === 'person') return (await tx.person.count({ where })) === 1
  if (kind === 'device') return (await tx.device.count({ where })) === 1
  return (await tx.file.count({ where })) === 1
}

function refuseSameName(error: unknown): never {
  if (isUniqueViolation(error))
    throw new AppError('conflict', {
      detail: 'A hold in force has this name.',
      fields: { name: 'is taken' },
      extra: { reason: 'name_taken' },
      cause: error,
    })
  throw error
}

/**
 * Asks for a hold to be released; it holds until that is carried out. What it kept then goes by the rules.
 * @throws AppError not_found · conflict when it is released already · step_up_required
 */
export const releaseHold = defineIrreversible({
  name: 'audit.hold.release',
  actions: {
    request: 'audit.hold.release.request',
    hold: 'audit.hold.release.hold',
    release: 'audit.hold.release.release',
    approve: 'audit.hold.release.approve',
    cancel: 'audit.hold.release.cancel',
    carryOut: 'audit.hold.release',
    expire: 'audit.hold.release.expire',
  },
  permission: 'admin',
  budget: 'audit-keeping',
  input: releaseHoldInput,
  target: async ({ sql, tenantId, input }): Promise<BrakeTarget> => {
    const { id, name } = await holdInForce(sql, tenantId, input.holdId)
    return { type: 'hold', id, name, units: 1, fingerprint: fingerprint({ id, name }) }
  },
  requested: async (_context, request, { type, id, name }) => ({
    result: { requestId: request.id, state: request.state, notBefore: request.notBefore },
    audit: [
      {
        action: 'audit.hold.release.request',
        outcome: 'pending',
        target: { type, id, name },
        reason: request.reason,
        correlationId: request.id,
        detail: { state: request.state },
      },
    ],
    notify: ['keeping'],
  }),
  moved: async () => ({ notify: ['keeping'] }),
  carryOut: async ({ sql, tenantId, input, now }, request) => {
    await lockKeeping(sql, tenantId)
    const { id, name } = await holdInForce(sql, tenantId, input.holdId)
    await sql(
      `UPDATE audit_hold SET released_by = $3::text, released_at = $4::text::timestamptz, release_reason = $5::text, released_by_id = $6::text::uuid
        WHERE tenant_id = $1::uuid AND id = $2::uuid`,
      [tenantId, id, request.requester.name, now.toISOString(), request.reason, personIn(request.requester)],
    )
    await bumpRevision(sql, tenantId)
    return {
      audit: [
        {
          action: 'audit.hold.release',
          target: { type: 'hold', id, name },
          reason: request.reason,
          correlationId: request.id,
          detail: { requester: request.requester.name },
        },
      ],
      notify: ['keeping'],
    }
  },
})

function personIn({ kind, id }: BrakeRequest['requester']): string | null {
  return kind === 'person' ? id : null
}

/** @throws AppError not_found · conflict */
async function holdInForce(sql: Sql, tenantId: string, id: string): Promise<{ id: string; name: string }> {
  const [hold] = await sql<{ id: string; name: string; released: boolean }>(
    'SELECT id::text, name, released_at IS NOT NULL AS released FROM audit_hold WHERE tenant_id = $1::uuid AND id = $2::uuid',
    [tenantId, id],
  )
  if (!hold) throw new AppError('not_found', { detail: 'There is no such hold.' })
  if (hold.released)
    throw new AppError('conflict', { detail: 'This hold is released already.', extra: { reason: 'released' } })
  return hold
}
