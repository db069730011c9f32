import 'server-only'
import type { z } from 'zod'
import { canonicalJson } from '#lib/canonical-json.ts'
import { uuidv7 } from '#lib/uuid.ts'
import { type Actor, actorId, actorName, requirePermission } from './actor.ts'
import { actorIdOrTenant, admit, readSettings, responsibleOf } from './brake-gate.ts'
import { type BrakeActions, type BrakeRequest, type BrakeTarget, releaseJob } from './brake-request.ts'
import {
  type Audited,
  type CommandContext,
  type CommandOptions,
  type CommandOutcome,
  type CommandSummary,
  registerCommand,
  runInTransaction,
} from './command.ts'
import { AppError } from './errors.ts'
import { parseInput } from './fields.ts'
import type { Job } from './jobs.ts'
import { sha256 } from './keys.ts'
import type { Permission } from './permissions.ts'
import { recordingRefusals } from './refusals.ts'
import { hashRequest } from './request-hash.ts'
import { consumeGrant } from './step-up.ts'

/** An approval that nobody gave is void after this. */
const REQUEST_LIFETIME_MS = 7 * 24 * 3_600_000

export type Context<I> = Omit<CommandContext<I>, 'stepUpMethod'>
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
export type AnyDefinition = IrreversibleDefinition<z.ZodType<{ reason: string }>, unknown>
const definitions = new Map<string, AnyDefinition>()

/** The definition whose requests carry this name. */
export function definitionOf(name: string): AnyDefinition | undefined {
  return definitions.get(name)
}

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
  const { budget } = definition
  const gate = await admit({ tx, actor, tenantId, now, settings, budget, units: target.units, isOwn })
  const request: BrakeRequest = {
    id,
    state: gate.state,
    reason: input.reason,
    notBefore: gate.notBefore,
    requester: { kind: actor.kind, id: actorId(actor), name: actorName(actor) },
  }
  await storeRequest(context, request, { command: definition.name, budget, target, stepUpMethod })
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

type Stored = { command: string; budget: string; target: BrakeTarget; stepUpMethod: string | undefined }

/** The request as whoever decides reads it; what was asked is sealed. @throws AppError conflict where the same is open already */
async function storeRequest(
  { tx, actor, tenantId, input, now, vault }: Context<{ reason: string }>,
  { id, state, reason, notBefore }: BrakeRequest,
  { command, budget, target, stepUpMethod }: Stored,
): Promise<void> {
  const sealed = (await vault()).seal(Buffer.from(JSON.stringify(input)), 'brake_request', 'input', id)
  await tx.brakeRequest
    .create({
      data: {
        tenantId,
        id,
        command,
        budget,
        units: target.units,
        targetType: target.type,
        targetId: target.id,
        targetHash: bytes(sha256(target.fingerprint)),
        input: bytes(sealed),
        reason,
        state,
        requesterKind: actor.kind,
        requesterId: actorIdOrTenant(actor),
        requesterName: actorName(actor),
        responsibleId: responsibleOf(actor),
        stepUpMethod: stepUpMethod ?? null,
        notBefore,
        expiresAt: new Date(now.getTime() + REQUEST_LIFETIME_MS),
        createdAt: now,
      },
      select: { id: true },
    })
    .catch(refuseSecondRequest)
}

function refuseSecondRequest(error: unknown): never {
  if ((error as { code?: string }).code === 'P2002')
    throw new AppError('conflict', { detail: 'The same is already requested and not yet carried out.' })
  throw error
}

function bytes(buffer: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer)
}

/** The canonical text of what a request hits. */
export function fingerprint(value: Record<string, string | number | readonly string[]>): string {
  return canonicalJson(value)
}
