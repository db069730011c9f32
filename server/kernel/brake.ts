import 'server-only'
import type { z } from 'zod'
import { canonicalJson } from '#lib/canonical-json.ts'
import { uuidv7 } from '#lib/uuid.ts'
import type { AuditAction } from '#protocol/audit/actions.ts'
import { type Actor, actorId, actorName, requirePermission, systemActor } from './actor.ts'
import { type BrakeSettings, brakeSettings } from './brake-settings.ts'
import {
  type Audited,
  type CommandContext,
  type CommandOptions,
  type CommandOutcome,
  type CommandSummary,
  consumeGrant,
  hashRequest,
  recordingRefusals,
  registerCommand,
  runInTransaction,
} from './command.ts'
import type { Sql, Tx } from './db.ts'
import { AppError } from './errors.ts'
import { parseInput } from './fields.ts'
import type { Job } from './jobs.ts'
import { sha256 } from './keys.ts'
import type { Permission } from './permissions.ts'
import { ROLE_PERMISSIONS, ROLES } from './permissions.ts'

/** How far an irreversible request has come through the gate. */
export const BRAKE_STATES = [
  'held',
  'awaiting_approval',
  'delayed',
  'released',
  'cancelled',
  'expired',
  'failed',
] as const
export type BrakeState = (typeof BRAKE_STATES)[number]
export const OPEN_BRAKE_STATES: readonly BrakeState[] = ['held', 'awaiting_approval', 'delayed']

/** An approval that nobody gave is void after this. */
const REQUEST_LIFETIME_MS = 7 * 24 * 3_600_000

/** What a request would hit; an approval is void when `fingerprint` has changed since. */
export type BrakeTarget = { type: string; id: string; name: string; units: number; fingerprint: string }

export type BrakeRequest = {
  id: string
  state: BrakeState
  reason: string
  notBefore: Date | null
  requester: { kind: string; id: string; name: string }
}

export type BrakeActions = Record<
  'request' | 'hold' | 'release' | 'approve' | 'cancel' | 'carryOut' | 'expire',
  AuditAction
>

type Context<I> = Omit<CommandContext<I>, 'stepUpMethod'>
type Effects = { audit: readonly Audited[]; jobs?: readonly Job[]; notify?: readonly string[] }

export type IrreversibleDefinition<S extends z.ZodType<{ reason: string }>, R> = {
  /** Name of the command, and of its requests in the database. */
  name: string
  actions: BrakeActions
  permission: Permission
  /** Requests of one budget are counted together. */
  budget: string
  input: S
  /** What it would hit now. @throws AppError not_found · conflict */
  target: (context: Context<z.output<S>>) => Promise<BrakeTarget>
  /** Writes the domain's own row when the request is made. */
  requested: (
    context: Context<z.output<S>>,
    request: BrakeRequest,
    target: BrakeTarget,
  ) => Promise<{ result: R } & Effects>
  /** Keeps the domain's row in step with the gate. The gate has written its own entry. */
  moved: (context: Context<z.output<S>>, request: BrakeRequest, by: Actor) => Promise<Partial<Effects>>
  /** Does it. Called once, after the undo window, by the background process. */
  carryOut: (context: Context<z.output<S>>, request: BrakeRequest) => Promise<Effects>
  /**
   * The same asked by a person of what is their own: needs no permission and, within the budget, nobody else's approval.
   * `requireOwn` throws not_found for what is somebody else's.
   */
  own?: { name: string; requireOwn: (context: Context<z.output<S>>) => Promise<void> }
}

type Face<I, R> = {
  (actor: Actor, input: I, options?: CommandOptions): Promise<R>
  readonly summary: CommandSummary
  requestHash(input: unknown): Buffer
}
export type IrreversibleCommand<I, R> = Face<I, R> & {
  /** As a person asks it of what is their own; the command itself where it has no such face. */
  readonly own: Face<I, R>
}

// Requests of different inputs and results live in one map; each definition parses its own stored input again.
type AnyDefinition = IrreversibleDefinition<z.ZodType<{ reason: string }>, unknown>
const definitions = new Map<string, AnyDefinition>()

/**
 * The one brake for everything irreversible, whoever asks: step-up bound to the request (a person), then the budget (held),
 * approval (a key, or a person who may not act alone), the undo window (delayed), and only then `carryOut`.
 */
export function defineIrreversible<S extends z.ZodType<{ reason: string }>, R>(
  definition: IrreversibleDefinition<S, R>,
): IrreversibleCommand<z.input<S>, R> {
  definitions.set(definition.name, definition as unknown as AnyDefinition)
  const { name, permission, own } = definition
  const command = defineFace(definition, { name, permission })
  return Object.assign(command, { own: own ? defineFace(definition, { name: own.name, permission: 'self' }) : command })
}

type FaceOptions = { name: string; permission: Permission | 'self' }

function defineFace<S extends z.ZodType<{ reason: string }>, R>(
  definition: IrreversibleDefinition<S, R>,
  { name, permission }: FaceOptions,
): Face<z.input<S>, R> {
  const summary: CommandSummary = {
    name,
    action: definition.actions.request,
    permission,
    risk: 'irreversible',
    stepUp: 'fresh',
  }
  registerCommand(summary)
  const requestHash = (input: unknown) => hashRequest(name, parseInput(definition.input, input))
  const run = async (actor: Actor, raw: z.input<S>, options: CommandOptions = {}): Promise<R> => {
    const input = parseInput(definition.input, raw)
    return recordingRefusals({ actor, action: definition.actions.request, name, target: undefined }, async () => {
      requirePermission(actor, permission)
      const hash = hashRequest(name, input)
      return runInTransaction({ actor, name, hash, options }, async (base) => {
        const context = { ...base, input }
        if (permission === 'self') await definition.own?.requireOwn(context)
        const stepUpMethod = await consumeGrant(base.tx, actor, hash, options.stepUpGrantId, base.now)
        return makeRequest(definition, context, { stepUpMethod, isOwn: permission === 'self' })
      })
    })
  }
  return Object.assign(run, { summary, requestHash })
}

async function makeRequest<S extends z.ZodType<{ reason: string }>, R>(
  definition: IrreversibleDefinition<S, R>,
  context: Context<z.output<S>>,
  { stepUpMethod, isOwn }: { stepUpMethod: string | undefined; isOwn: boolean },
): Promise<CommandOutcome<R>> {
  const { tx, sql, actor, tenantId, input, now } = context
  // One request of an organisation at a time passes the gate, or two could share the last unit of a budget.
  await sql(`SELECT pg_advisory_xact_lock(hashtextextended('brake:' || $1::text, 0))::text AS locked`, [tenantId])
  const settings = await readSettings(tx, tenantId)
  const target = await definition.target(context)
  const id = uuidv7(now.getTime())
  const gate = await admit({
    tx,
    actor,
    tenantId,
    now,
    settings,
    budget: definition.budget,
    units: target.units,
    isOwn,
  })
  const request: BrakeRequest = {
    id,
    state: gate.state,
    reason: input.reason,
    notBefore: gate.notBefore,
    requester: { kind: actor.kind, id: actorId(actor), name: actorName(actor) },
  }
  const vault = await context.vault()
  await tx.brakeRequest
    .create({
      data: {
        tenantId,
        id,
        command: definition.name,
        budget: definition.budget,
        units: target.units,
        targetType: target.type,
        targetId: target.id,
        targetHash: bytes(sha256(target.fingerprint)),
        input: bytes(vault.seal(Buffer.from(JSON.stringify(input)), 'brake_request', 'input', id)),
        reason: input.reason,
        state: gate.state,
        requesterKind: actor.kind,
        requesterId: actorIdOrTenant(actor),
        requesterName: actorName(actor),
        responsibleId: responsibleOf(actor),
        stepUpMethod: stepUpMethod ?? null,
        notBefore: gate.notBefore,
        expiresAt: new Date(now.getTime() + REQUEST_LIFETIME_MS),
        createdAt: now,
      },
      select: { id: true },
    })
    .catch(refuseSecondRequest)
  const { result, audit, jobs = [], notify = [] } = await definition.requested(context, request, target)
  const held: Audited[] =
    gate.state === 'held'
      ? [
          {
            action: definition.actions.hold,
            outcome: 'pending',
            target,
            reason: input.reason,
            detail: { why: gate.why },
          } as Audited,
        ]
      : []
  return {
    result,
    audit: [...audit, ...held],
    jobs: [...jobs, ...releaseJob(tenantId, request)],
    notify: ['brake', ...notify],
  }
}

function refuseSecondRequest(error: unknown): never {
  if ((error as { code?: string }).code === 'P2002')
    throw new AppError('conflict', { detail: 'The same is already requested and not yet carried out.' })
  throw error
}

function bytes(buffer: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer)
}

/** Our own processes have no id of their own: the organisation's stands for them. */
function actorIdOrTenant(actor: Actor): string {
  return actor.kind === 'system' || actor.kind === 'scim' ? actor.tenantId : actorId(actor)
}

function responsibleOf(actor: Actor): string | null {
  if (actor.kind === 'person') return actor.personId
  return actor.kind === 'api_key' ? actor.createdBy : null
}

/** After the undo window the background process carries it out; a request not yet delayed has no job. */
function releaseJob(tenantId: string, request: Pick<BrakeRequest, 'id' | 'state' | 'notBefore'>): Job[] {
  if (request.state !== 'delayed' || !request.notBefore) return []
  return [
    {
      task: 'brake.release',
      payload: { tenantId, requestId: request.id },
      runAt: request.notBefore,
      key: `brake:${request.id}`,
    },
  ]
}

type Admission = {
  tx: Tx
  actor: Actor
  tenantId: string
  now: Date
  settings: BrakeSettings
  budget: string
  units: number
  /** A person asks it of what is their own. */
  isOwn: boolean
}

async function admit(admission: Admission): Promise<{ state: BrakeState; notBefore: Date | null; why: string }> {
  const exceeded = await exceededBudget(admission)
  if (exceeded) return { state: 'held', notBefore: null, why: exceeded }
  if (!admission.isOwn && mustBeApproved(admission.actor))
    return { state: 'awaiting_approval', notBefore: null, why: '' }
  return { state: 'delayed', notBefore: undoUntil(admission.now, admission.settings), why: '' }
}

function undoUntil(now: Date, settings: BrakeSettings): Date {
  return new Date(now.getTime() + settings.undoSeconds * 1_000)
}

/** The founding owner and the operator on the server may act alone; anybody else and every key waits for a person. */
function mustBeApproved(actor: Actor): boolean {
  if (actor.kind === 'system') return false
  return !(actor.kind === 'person' && actor.founder)
}

async function exceededBudget({
  tx,
  actor,
  tenantId,
  now,
  settings,
  budget,
  units,
}: Admission): Promise<string | null> {
  const since = new Date(now.getTime() - 3_600_000)
  // Cancelled requests count as well: asking again and again is what the budget is for. Index: brake_request_spend.
  const spent = (where: ReturnType<typeof requestedBy> | Record<never, never>) =>
    tx.brakeRequest.aggregate({
      _sum: { units: true },
      where: { tenantId, budget, createdAt: { gt: since }, ...where },
    })
  const mine = ((await spent(requestedBy(actor)))._sum.units ?? 0) + units
  const all = ((await spent({}))._sum.units ?? 0) + units
  if (mine > settings.unitsPerActorPerHour)
    return `${mine} of ${settings.unitsPerActorPerHour} an hour for one requester`
  if (all > settings.unitsPerTenantPerHour)
    return `${all} of ${settings.unitsPerTenantPerHour} an hour for the organisation`
  return null
}

/** One person and all the keys they made spend one budget. */
function requestedBy(actor: Actor): { responsibleId: string } | { requesterId: string } {
  const responsibleId = responsibleOf(actor)
  return responsibleId === null ? { requesterId: actorIdOrTenant(actor) } : { responsibleId }
}

async function readSettings(tx: Tx, tenantId: string): Promise<BrakeSettings> {
  const tenant = await tx.tenant.findFirst({ where: { id: tenantId }, select: { settings: true } })
  return brakeSettings.parse((tenant?.settings as { brake?: unknown } | undefined)?.brake ?? {})
}

/** How much of a budget the actor has used in the last hour, for the page that asks. */
export async function brakeUsage(
  tx: Tx,
  actor: Actor,
  budget: string,
  now: Date,
): Promise<{ used: number; limit: number; undoSeconds: number; alone: boolean }> {
  const settings = await readSettings(tx, actor.tenantId)
  const since = new Date(now.getTime() - 3_600_000)
  const sum = await tx.brakeRequest.aggregate({
    _sum: { units: true },
    where: { tenantId: actor.tenantId, budget, createdAt: { gt: since }, ...requestedBy(actor) },
  })
  return {
    used: sum._sum.units ?? 0,
    limit: settings.unitsPerActorPerHour,
    undoSeconds: settings.undoSeconds,
    alone: !mustBeApproved(actor),
  }
}

// ── Decisions on an open request ────────────────────────────────────────────────────────────────────────────────────

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
  const definition = row && definitions.get(row.command)
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
  await requireSameTarget(loaded)
  await recordDecision(loaded, 'approve')
  const notBefore = undoUntil(context.now, await readSettings(context.tx, context.tenantId))
  const request = await moveTo(loaded, 'delayed', notBefore)
  return outcomeOf(
    loaded,
    request,
    entryOf(loaded, loaded.definition.actions.approve, { undoUntil: notBefore.toISOString() }),
  )
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
  await requireSameTarget(loaded)
  await recordDecision(loaded, 'release')
  // Another person looked at it and let it go: that is an approval too.
  const notBefore = undoUntil(context.now, await readSettings(context.tx, context.tenantId))
  const request = await moveTo(loaded, 'delayed', notBefore)
  return outcomeOf(
    loaded,
    request,
    entryOf(loaded, loaded.definition.actions.release, { undoUntil: notBefore.toISOString() }),
  )
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

/** The canonical text of what a request hits. */
export function fingerprint(value: Record<string, string | number | readonly string[]>): string {
  return canonicalJson(value)
}
