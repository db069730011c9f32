import 'server-only'
import { uuidv7 } from '#lib/uuid.ts'
import type { AuditAction } from '#protocol/audit/actions.ts'
import { type Actor, actorName, systemActor } from './actor.ts'
import { type AnyDefinition, type Context, definitionOf } from './brake.ts'
import { readSettings, undoUntil } from './brake-gate.ts'
import { type BrakeRequest, type BrakeState, type BrakeTarget, OPEN_BRAKE_STATES, releaseJob } from './brake-request.ts'
import { type Audited, type CommandOutcome, runInTransaction } from './command.ts'
import type { Sql, Tx } from './db.ts'
import { AppError } from './errors.ts'
import { sha256 } from './keys.ts'
import { type Permission, ROLE_PERMISSIONS, ROLES } from './permissions.ts'

type Loaded = {
  definition: AnyDefinition
  context: Context<{ reason: string }>
  request: BrakeRequest
  target: { type: string; id: string }
  responsibleId: string | null
  targetHash: Uint8Array
}

async function loadOpen(
  context: Context<unknown>,
  requestId: string,
  allowed: readonly BrakeState[],
  evenExpired = false,
): Promise<Loaded> {
  const { tx, sql, tenantId, now } = context
  // The row lock makes approve, cancel and release of one request take turns.
  await sql('SELECT 1 FROM brake_request WHERE tenant_id = $1::uuid AND id = $2::uuid FOR UPDATE', [
    tenantId,
    requestId,
  ])
  const row = await tx.brakeRequest.findFirst({ where: { tenantId, id: requestId } })
  const definition = row && definitionOf(row.command)
  if (!row || !definition) throw new AppError('not_found', { detail: 'There is no such request.' })
  const state = row.state as BrakeState
  if (!allowed.includes(state))
    throw new AppError('conflict', { detail: `This request is ${state.replace('_', ' ')}.`, extra: { state } })
  // Only a decision comes too late: what was decided in time goes its way.
  if (row.expiresAt <= now && state !== 'delayed' && !evenExpired)
    throw new AppError('conflict', { detail: 'This request has expired.', extra: { state: 'expired' } })
  const input = definition.input.parse(
    JSON.parse((await context.vault()).open(row.input, 'brake_request', 'input', row.id).toString()),
  )
  const requester = { kind: row.requesterKind, id: row.requesterId, name: row.requesterName }
  return {
    definition,
    context: { ...context, input },
    request: { id: row.id, state, reason: row.reason, notBefore: row.notBefore, requester },
    target: { type: row.targetType, id: row.targetId },
    responsibleId: row.responsibleId,
    targetHash: row.targetHash,
  }
}

/** @throws AppError conflict when what it would hit is no longer what was asked for */
async function requireSameTarget({ definition, context, targetHash }: Loaded): Promise<BrakeTarget> {
  const target = await definition.target({ ...context, now: context.now })
  if (!sha256(target.fingerprint).equals(targetHash)) {
    throw new AppError('conflict', {
      detail: 'What this request would hit has changed since it was made: cancel it and ask again.',
    })
  }
  return target
}

async function moveTo(loaded: Loaded, state: BrakeState, notBefore: Date | null): Promise<BrakeRequest> {
  const { context, request } = loaded
  const { count } = await context.tx.brakeRequest.updateMany({
    where: { tenantId: context.tenantId, id: request.id, state: request.state },
    data: { state, notBefore, decidedAt: context.now },
  })
  if (count !== 1) throw new AppError('conflict', { detail: 'Somebody else decided this request meanwhile.' })
  return { ...request, state, notBefore }
}

async function recordDecision({ context, request }: Loaded, decision: 'approve' | 'release' | 'cancel'): Promise<void> {
  const { actor, tenantId, now } = context
  await context.tx.brakeDecision.create({
    data: {
      tenantId,
      requestId: request.id,
      id: uuidv7(now.getTime()),
      decision,
      personId: actor.kind === 'person' ? actor.personId : null,
      personName: actorName(actor),
      at: now,
    },
    select: { id: true },
  })
}

function entryOf(loaded: Loaded, action: AuditAction, detail: Record<string, string>): Audited {
  // A decision's detail is free: which request, whose, and what it waits for.
  return {
    action,
    target: loaded.target,
    reason: loaded.request.reason,
    correlationId: loaded.request.id,
    detail: { requester: loaded.request.requester.name, ...detail },
  } as Audited
}

async function outcomeOf(loaded: Loaded, request: BrakeRequest, audit: Audited): Promise<CommandOutcome<BrakeRequest>> {
  const moved = await loaded.definition.moved(loaded.context, request, loaded.context.actor)
  const jobs = [...(moved.jobs ?? []), ...releaseJob(loaded.context.tenantId, request)]
  return { result: request, audit: [audit, ...(moved.audit ?? [])], jobs, notify: ['brake', ...(moved.notify ?? [])] }
}

/** Approves a waiting request; its undo window begins. Whoever asked, or made the key that asked, cannot. */
export async function approveOpenRequest(
  context: Context<{ requestId: string }>,
): Promise<CommandOutcome<BrakeRequest>> {
  const loaded = await loadOpen(context, context.input.requestId, ['awaiting_approval'])
  requireOtherPerson(context.actor, loaded)
  return letPass(loaded, 'approve')
}

/** Lets a held request go on: to approval where one is needed, else into its undo window. */
export async function releaseHeldRequest(
  context: Context<{ requestId: string }>,
): Promise<CommandOutcome<BrakeRequest>> {
  const loaded = await loadOpen(context, context.input.requestId, ['held'])
  const alone =
    context.actor.kind === 'person' &&
    context.actor.founder &&
    (await countDeciders(context.tx, context.tenantId, loaded.definition.permission)) === 1
  if (!alone) requireOtherPerson(context.actor, loaded)
  // Another person looked at it and let it go: that is an approval too.
  return letPass(loaded, 'release')
}

/** Its undo window begins. */
async function letPass(loaded: Loaded, decision: 'approve' | 'release'): Promise<CommandOutcome<BrakeRequest>> {
  const { tx, tenantId, now } = loaded.context
  await requireSameTarget(loaded)
  await recordDecision(loaded, decision)
  const notBefore = undoUntil(now, await readSettings(tx, tenantId))
  const request = await moveTo(loaded, 'delayed', notBefore)
  const audit = entryOf(loaded, loaded.definition.actions[decision], { undoUntil: notBefore.toISOString() })
  return outcomeOf(loaded, request, audit)
}

async function countDeciders(tx: Tx, tenantId: string, permission: Permission): Promise<number> {
  const roles = ROLES.filter((role) => ROLE_PERMISSIONS[role].includes(permission))
  return tx.person.count({ where: { tenantId, status: 'active', role: { in: roles } } })
}

function requireOtherPerson(actor: Actor, { responsibleId }: Loaded): void {
  if (actor.kind !== 'person' && actor.kind !== 'system') throw new AppError('person_required')
  if (actor.kind === 'person' && actor.personId === responsibleId) {
    throw new AppError('other_person_required', {
      detail: 'Another person than the one who asked, or who made the key that asked, must decide this.',
    })
  }
}

/** Takes an open request back. Always allowed to whoever may ask for it: stopping is the safe direction. */
export async function cancelOpenRequest(
  context: Context<{ requestId: string }>,
): Promise<CommandOutcome<BrakeRequest>> {
  const loaded = await loadOpen(context, context.input.requestId, OPEN_BRAKE_STATES)
  await recordDecision(loaded, 'cancel')
  const request = await moveTo(loaded, 'cancelled', null)
  return outcomeOf(loaded, request, entryOf(loaded, loaded.definition.actions.cancel, { was: loaded.request.state }))
}

/** Takes every open request of the organisation back, at once and together. */
export async function cancelEveryOpenRequest(
  context: Context<unknown>,
): Promise<CommandOutcome<{ cancelled: number }>> {
  const open = await context.tx.brakeRequest.findMany({
    where: {
      tenantId: context.tenantId,
      OR: [{ state: 'delayed' }, { state: { in: [...OPEN_BRAKE_STATES] }, expiresAt: { gt: context.now } }],
    },
    select: { id: true },
    orderBy: { id: 'asc' },
  })
  const outcomes: CommandOutcome<BrakeRequest>[] = []
  for (const { id } of open) outcomes.push(await cancelOpenRequest({ ...context, input: { requestId: id } }))
  return {
    result: { cancelled: open.length },
    audit: [
      { action: 'brake.cancel_all', detail: { cancelled: String(open.length) } },
      ...outcomes.flatMap(({ audit }) => audit),
    ],
    jobs: outcomes.flatMap(({ jobs }) => jobs ?? []),
    notify: outcomes.flatMap(({ notify }) => notify ?? []),
  }
}

/**
 * Carries out one request whose undo window is over. Called by the job `brake.release`, any number of times: a request that
 * was cancelled, or carried out before a crash could be reported, is left as it is.
 */
export async function releaseDelayedRequest(
  tenantId: string,
  requestId: string,
): Promise<'carried out' | 'not due' | 'closed'> {
  const actor = systemActor(tenantId, 'brake')
  try {
    return await runInTransaction<'carried out'>({ actor, name: 'brake.release' }, async (base) => {
      const loaded = await loadOpen({ ...base, input: undefined }, requestId, ['delayed'])
      if (!loaded.request.notBefore || loaded.request.notBefore > base.now) throw new NotDue()
      const target = await requireSameTarget(loaded)
      const request = await moveTo(loaded, 'released', loaded.request.notBefore)
      const { audit, jobs, notify } = await loaded.definition.carryOut(loaded.context, request)
      const first: Audited = { ...entryOf(loaded, loaded.definition.actions.carryOut, {}), target } as Audited
      return {
        result: 'carried out',
        audit: audit.length > 0 ? audit : [first],
        jobs: jobs ?? [],
        notify: ['brake', ...(notify ?? [])],
      }
    })
  } catch (error) {
    if (error instanceof NotDue) return 'not due'
    if (!(error instanceof AppError) || (error.code !== 'conflict' && error.code !== 'not_found')) throw error
    await expireRequest(tenantId, requestId, error.detail)
    return 'closed'
  }
}

class NotDue extends Error {}

/**
 * Closes an open request that can no longer be carried out (its target changed, or nobody decided in time) with an entry,
 * instead of leaving it hanging. Leaves a request that was decided meanwhile as it is.
 */
export async function expireRequest(tenantId: string, requestId: string, why: string): Promise<void> {
  await runInTransaction<null>({ actor: systemActor(tenantId, 'brake'), name: 'brake.expire' }, async (base) => {
    const loaded = await loadOpen({ ...base, input: undefined }, requestId, OPEN_BRAKE_STATES, true)
    const request = await moveTo(loaded, 'expired', null)
    return {
      ...(await outcomeOf(loaded, request, entryOf(loaded, loaded.definition.actions.expire, { why }))),
      result: null,
    }
  }).catch((error: unknown) => {
    if (!(error instanceof AppError)) throw error
  })
}

/** Ids of requests that nobody decided in time, for the background process to close. */
export async function findOverdueRequests(sql: Sql, tenantId: string, at: Date): Promise<string[]> {
  const rows = await sql<{ id: string }>(
    `SELECT id::text FROM brake_request WHERE tenant_id = $1::uuid AND state IN ('held', 'awaiting_approval') AND expires_at <= $2::text::timestamptz`,
    [tenantId, at.toISOString()],
  )
  return rows.map(({ id }) => id)
}
