import 'server-only'
import type { Actor } from './actor.ts'
import { AppError } from './errors.ts'

/** What leads out of it, and looking: nothing that is protected changes by these. They belong to the epoch that is declared. */
const TAKEN_WHILE_FROZEN: ReadonlySet<string> = new Set([
  'auth.sign_in',
  'auth.sign_out',
  'auth.second_factor.challenge',
  'auth.step_up',
  'audit.search',
  'audit.verify',
])

/** Destroys again, at a start, what an old backup brought back: that must not wait until somebody has decided about the log. */
function isDestroyedAgain(actor: Actor): boolean {
  return actor.kind === 'system' && actor.name === RESTORE
}

/** The name of the system's actor that does so. */
export const RESTORE = 'restore'

type Appending = { actor: Actor; draft: { action: string } }

/**
 * A log that contradicts what was published outside of the database grows no further: an old backup that went on would be a
 * second history. @throws AppError log_frozen
 */
export function requireOpenLog(frozen: string | null, appends: readonly Appending[]): void {
  if (frozen === null) return
  if (appends.every(({ actor, draft }) => TAKEN_WHILE_FROZEN.has(draft.action) || isDestroyedAgain(actor))) return
  const found = frozen === 'behind' ? 'holds fewer events than were signed' : 'holds other events than were signed'
  throw new AppError('log_frozen', {
    detail: `The audit log is frozen: the database ${found}. Bring the right database back, or an owner declares a new epoch on the Trust page (gatehouse audit new-epoch).`,
    retryAfter: 60,
  })
}
