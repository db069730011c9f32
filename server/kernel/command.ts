import 'server-only'
import type { z } from 'zod'
import { canonicalJson } from '#lib/canonical-json.ts'
import { uuidv7 } from '#lib/uuid.ts'
import type { AuditAction, Outcome } from '#protocol/audit/actions.ts'
import { type Actor, actorId, requirePermission } from './actor.ts'
import { now } from './clock.ts'
import { type Db, type Sql, type Tx, unsafeWriteTransaction } from './db.ts'
import { AppError, isAppError } from './errors.ts'
import { parseInput } from './fields.ts'
import { enqueueJobs, type Job } from './jobs.ts'
import { sha256, type TenantVault, tenantVault } from './keys.ts'
import { type AuditDraft, appendEntries, type StatedDraft } from './ledger.ts'
import { createLog } from './log.ts'
import { notifyChange } from './notify.ts'
import type { Requirement } from './permissions.ts'
import { requireCurrentKeys } from './sealing.ts'

/** none: harmless · reversible: can be taken back · irreversible: goes through the brake · guard: loosens or decides a protection. */
export type Risk = 'none' | 'reversible' | 'irreversible' | 'guard'

/** How fresh a person's second factor must be: `recent` = within 15 minutes on this session, `fresh` = given for this very request. */
export type StepUp = 'none' | 'recent' | 'fresh'

const log = createLog('kernel')

export const RECENT_FACTOR_MS = 15 * 60_000

export type CommandContext<I> = {
  tx: Tx
  sql: Sql
  actor: Actor
  tenantId: string
  input: I
  /** The moment of the request; use it for every time that is written. */
  now: Date
  /** Seals and opens values under the organisation's data key. */
  vault: () => Promise<TenantVault>
  /** How the person confirmed it, where the command asks for a fresh factor. */
  stepUpMethod: string | undefined
}

export type CommandOutcome<R> = {
  result: R
  /** The entries; the first is the command's own. */
  audit: Audited | readonly Audited[]
  jobs?: readonly Job[]
  /** Topics for live views and device connections, beside the action's noun. */
  notify?: readonly string[]
}

/** An entry of a command; `action` is the command's own unless given. */
export type Audited = AuditDraft

export type CommandDefinition<S extends z.ZodType, R> = {
  /** The audit action it writes, its name in the matrix of permissions and in idempotency. */
  action: AuditAction
  /** Where two commands write the same action. */
  name?: string
  permission: Requirement
  risk: Exclude<Risk, 'irreversible'>
  /** Default: fresh for a guard, none otherwise. A function decides by the input (loosening needs it, tightening does not). */
  stepUp?: StepUp
  input: S
  /** What a refusal is about, for its entry. */
  target?: (input: z.output<S>) => { type: string; id: string } | undefined
  execute: (context: CommandContext<z.output<S>>) => Promise<CommandOutcome<R>>
}

export type CommandOptions = {
  /** From `Idempotency-Key`: the same key gives the same answer, and another request with it is refused. */
  idempotencyKey?: string | undefined
  /** A grant made for exactly this request (`requestHash`). */
  stepUpGrantId?: string | undefined
}

export type CommandSummary = { name: string; action: AuditAction; permission: Requirement; risk: Risk; stepUp: StepUp }

export type Command<I, R> = {
  (actor: Actor, input: I, options?: CommandOptions): Promise<R>
  readonly summary: CommandSummary
  /** What a step-up grant is bound to. @throws AppError invalid */
  requestHash(input: unknown): Buffer
}

const registry = new Map<string, CommandSummary>()

/** Every command defined so far, for the generated tests: risks, permissions. */
export function commandList(): CommandSummary[] {
  return [...registry.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

export function registerCommand(summary: CommandSummary): void {
  const before = registry.get(summary.name)
  // Next may load a module twice; two different commands of one name are a mistake.
  if (before && JSON.stringify(before) !== JSON.stringify(summary))
    throw new Error(`two commands are named ${summary.name}`)
  registry.set(summary.name, summary)
}

/**
 * The only way to change anything: parse → permission → step-up → one transaction { execute, audit entries, jobs } → commit.
 * A refusal is recorded as `denied`, a clash with the present state and a bug as `failed`.
 */
export function defineCommand<S extends z.ZodType, R>(definition: CommandDefinition<S, R>): Command<z.input<S>, R> {
  const name = definition.name ?? definition.action
  const stepUp = definition.stepUp ?? (definition.risk === 'guard' ? 'fresh' : 'none')
  const summary: CommandSummary = {
    name,
    action: definition.action,
    permission: definition.permission,
    risk: definition.risk,
    stepUp,
  }
  registerCommand(summary)
  const requestHash = (input: unknown) => hashRequest(name, parseInput(definition.input, input))
  const run = async (actor: Actor, raw: z.input<S>, options: CommandOptions = {}): Promise<R> => {
    const input = parseInput(definition.input, raw)
    const target = definition.target?.(input)
    return recordingRefusals({ actor, action: definition.action, name, target }, async () => {
      requirePermission(actor, definition.permission)
      requirePerson(actor, definition.risk)
      const hash = hashRequest(name, input)
      requireRecentFactor(actor, stepUp)
      return runInTransaction({ actor, name, hash, options }, async (context) => {
        const stepUpMethod =
          stepUp === 'fresh'
            ? await consumeGrant(context.tx, actor, hash, options.stepUpGrantId, context.now)
            : undefined
        return definition.execute({ ...context, input, stepUpMethod })
      })
    })
  }
  return Object.assign(run, { summary, requestHash })
}

export function hashRequest(name: string, input: unknown): Buffer {
  // JSON first: dates and absent members take the form they had on the wire.
  return sha256(`${name}\0${canonicalJson(JSON.parse(JSON.stringify(input ?? null, digestBytes)))}`)
}

/** Content stands in the hash by its digest. (The replacer sees a Buffer after its toJSON: look at the holder.) */
function digestBytes(this: unknown, key: string, value: unknown): unknown {
  const original = (this as Record<string, unknown>)[key]
  return original instanceof Uint8Array ? sha256(original).toString('hex') : value
}

/** A guard is decided by a person; our own processes and the server's command line count as the operator. */
export function requirePerson(actor: Actor, risk: Risk): void {
  if (risk !== 'guard' || actor.kind === 'person' || actor.kind === 'system') return
  throw new AppError('person_required', {
    detail: 'A key cannot approve, release, confirm or loosen anything: a person must do it in the console.',
  })
}

export function requireRecentFactor(actor: Actor, stepUp: StepUp): void {
  if (stepUp !== 'recent' || actor.kind !== 'person') return
  if (actor.factorAt && now().getTime() - actor.factorAt.getTime() <= RECENT_FACTOR_MS) return
  throw new AppError('step_up_required', { detail: 'Confirm with your second factor.', extra: { stepUp: 'recent' } })
}

/** Consumes the grant in the command's own transaction: rolled back, it can be used again; committed, never. */
export async function consumeGrant(
  tx: Tx,
  actor: Actor,
  hash: Buffer,
  grantId: string | undefined,
  at: Date,
): Promise<string | undefined> {
  if (actor.kind !== 'person') return undefined
  if (grantId) {
    const { tenantId, sessionId } = actor
    const where = { tenantId, id: grantId, sessionId, requestHash: new Uint8Array(hash), expiresAt: { gt: at } }
    const grant = await tx.stepUpGrant.findFirst({ where, select: { method: true } })
    // deleteMany counts: of two requests with one grant, one deletes it.
    if (grant && (await tx.stepUpGrant.deleteMany({ where })).count === 1) return grant.method
  }
  throw new AppError('step_up_required', {
    detail: 'Confirm this very request with your second factor.',
    extra: { stepUp: 'fresh' },
  })
}

type Run = { actor: Actor; name: string; hash?: Buffer; options?: CommandOptions; timeoutMs?: number }

/** One transaction with its command row: what `execute` writes and its audit entries are committed together or not at all. */
export async function runInTransaction<R>(
  { actor, name, hash, options = {}, timeoutMs }: Run,
  execute: (context: CommandContext<undefined>) => Promise<CommandOutcome<R>>,
): Promise<R> {
  const { tenantId } = actor
  return unsafeWriteTransaction(
    tenantId,
    async (db) => {
      const commandId = uuidv7()
      const replay = await openCommand(db, { commandId, actor, name, hash, key: options.idempotencyKey })
      const vault = () => tenantVault(db.tx, tenantId)
      // The stored text is what JSON made of the first result.
      if (replay) return JSON.parse((await vault()).open(replay.result, 'command', 'result', replay.id).toString()) as R
      const { result, audit, jobs, notify } = await execute({
        ...db,
        actor,
        tenantId,
        input: undefined,
        now: now(),
        vault,
        stepUpMethod: undefined,
      })
      const drafts: readonly StatedDraft[] = Array.isArray(audit) ? audit : [audit as Audited]
      if (options.idempotencyKey) {
        const sealed = (await vault()).seal(Buffer.from(JSON.stringify(result ?? null)), 'command', 'result', commandId)
        await db.sql(
          `UPDATE command SET result = decode($3::text, 'hex') WHERE tenant_id = $1::uuid AND id = $2::uuid`,
          [tenantId, commandId, sealed.toString('hex')],
        )
      }
      // Before the head of the log is locked: a rotation locks the key first, too.
      await requireCurrentKeys(db)
      await appendEntries(
        db.sql,
        tenantId,
        drafts.map((draft) => ({ actor, draft })),
      )
      if (jobs) await enqueueJobs(db.sql, jobs)
      await notifyChange(db.sql, {
        tenantId,
        topics: [...new Set([...drafts.map(({ action }) => action.split('.')[0] ?? action), ...(notify ?? [])])],
      })
      return result
    },
    timeoutMs === undefined ? {} : { timeoutMs },
  )
}

type Opening = { commandId: string; actor: Actor; name: string; hash: Buffer | undefined; key: string | undefined }

/** Writes the command row that opens the wall. A second request with the same key waits for the first and gets its result. */
async function openCommand(
  { sql }: Db,
  { commandId, actor, name, hash, key }: Opening,
): Promise<{ id: string; result: Buffer } | null> {
  const values = [
    actor.tenantId,
    commandId,
    name,
    actor.kind,
    actorId(actor),
    key ?? null,
    hash?.toString('hex') ?? null,
  ]
  const inserted = await sql(
    `INSERT INTO command (tenant_id, id, name, actor_kind, actor_id, idempotency_key, request_hash)
     VALUES ($1::uuid, $2::uuid, $3::text, $4::text, $5::text, $6::text, decode($7::text, 'hex'))
     ON CONFLICT (tenant_id, actor_kind, actor_id, name, idempotency_key) DO NOTHING
     RETURNING set_config('app.command_id', id::text, true)`,
    values,
  )
  if (inserted.length === 1) return null
  const [before] = await sql<{ id: string; same: boolean; result: string | null }>(
    `SELECT id::text, request_hash = decode($6::text, 'hex') AS same, encode(result, 'hex') AS result FROM command
      WHERE tenant_id = $1::uuid AND actor_kind = $2::text AND actor_id = $3::text AND name = $4::text AND idempotency_key = $5::text`,
    [actor.tenantId, actor.kind, actorId(actor), name, key ?? null, hash?.toString('hex') ?? null],
  )
  if (!before?.same)
    throw new AppError('idempotency_conflict', { detail: 'This Idempotency-Key was used for another request.' })
  return { id: before.id, result: Buffer.from(before.result ?? '', 'hex') }
}

type Attempt = { actor: Actor; action: AuditAction; name: string; target: { type: string; id: string } | undefined }

/** Runs `attempt` and records what became of it when it is refused or fails. Asking for a step-up is no refusal. */
export async function recordingRefusals<R>(
  { actor, action, name, target }: Attempt,
  attempt: () => Promise<R>,
): Promise<R> {
  try {
    return await attempt()
  } catch (error) {
    const outcome = outcomeOf(error)
    if (outcome) await recordRefusal({ actor, action, name, target }, outcome, error)
    throw error
  }
}

const SILENT: ReadonlySet<string> = new Set([
  'invalid',
  'not_found',
  'step_up_required',
  'unavailable',
  // Nothing can be written down.
  'log_frozen',
  'rate_limited',
  'bad_credentials',
  'idempotency_conflict',
])

function outcomeOf(error: unknown): Outcome | null {
  if (!isAppError(error)) return 'failed'
  if (SILENT.has(error.code)) return null
  return error.status === 409 || error.status >= 500 ? 'failed' : 'denied'
}

async function recordRefusal(
  { actor, action, name, target }: Attempt,
  outcome: Outcome,
  error: unknown,
): Promise<void> {
  // An organisation that was not founded has no log.
  if (action === 'tenant.create') return
  const problem = isAppError(error) ? error.code : 'internal'
  try {
    // The action's own detail belongs to its success; a refusal says only why.
    const draft: StatedDraft = { action, outcome, detail: { problem }, ...(target ? { target } : {}) }
    await unsafeWriteTransaction(actor.tenantId, async (db) => {
      await openCommand(db, { commandId: uuidv7(), actor, name: `${name}#${outcome}`, hash: undefined, key: undefined })
      await appendEntries(db.sql, actor.tenantId, [{ actor, draft }])
    })
  } catch (failure) {
    log.error({ err: failure, action, outcome }, 'a refusal could not be recorded')
  }
}
