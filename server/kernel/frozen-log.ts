import 'server-only'
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

/**
 * A log that contradicts what was published outside of the database grows no further: an old backup that went on would be a
 * second history. @throws AppError log_frozen
 */
export function requireOpenLog(frozen: string | null, appends: readonly { draft: { action: string } }[]): void {
  if (frozen === null || appends.every(({ draft }) => TAKEN_WHILE_FROZEN.has(draft.action))) return
  const found = frozen === 'behind' ? 'holds fewer events than were signed' : 'holds other events than were signed'
  throw new AppError('log_frozen', {
    detail: `The audit log is frozen: the database ${found}. Bring the right database back, or an owner declares a new epoch on the Trust page (gatehouse audit new-epoch).`,
    retryAfter: 60,
  })
}
