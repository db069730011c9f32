import 'server-only'
import { uuidv7 } from '#lib/uuid.ts'
import type { AuditAction, Outcome } from '#protocol/audit/actions.ts'
import type { Actor } from './actor.ts'
import { openCommand } from './command-row.ts'
import { unsafeWriteTransaction } from './db.ts'
import { isAppError } from './errors.ts'
import { appendEntries, type StatedDraft } from './ledger.ts'
import { createLog } from './log.ts'

const log = createLog('kernel')

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
