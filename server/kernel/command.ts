import 'server-only'
import type { z } from 'zod'
import { uuidv7 } from '#lib/uuid.ts'
import type { AuditAction } from '#protocol/audit/actions.ts'
import { type Actor, requirePermission } from './actor.ts'
import { now } from './clock.ts'
import { openCommand } from './command-row.ts'
import { type Sql, type Tx, unsafeWriteTransaction } from './db.ts'
import { AppError } from './errors.ts'
import { parseInput } from './fields.ts'
import { enqueueJobs, type Job } from './jobs.ts'
import { type TenantVault, tenantVault } from './keys.ts'
import { type AuditDraft, appendEntries, type StatedDraft } from './ledger.ts'
import { notifyChange } from './notify.ts'
import type { Requirement } from './permissions.ts'
import { recordingRefusals } from './refusals.ts'
import { hashRequest } from './request-hash.ts'
import { requireCurrentKeys } from './sealing.ts'
import { consumeGrant, requireRecentFactor, type StepUp } from './step-up.ts'

/** none: harmless · reversible: can be taken back · irreversible: goes through the brake · guard: loosens or decides a protection. */
export type Risk = 'none' | 'reversible' | 'irreversible' | 'guard'

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

/** A guard is decided by a person; our own processes and the server's command line count as the operator. */
export function requirePerson(actor: Actor, risk: Risk): void {
  if (risk !== 'guard' || actor.kind === 'person' || actor.kind === 'system') return
  throw new AppError('person_required', {
    detail: 'A key cannot approve, release, confirm or loosen anything: a person must do it in the console.',
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
