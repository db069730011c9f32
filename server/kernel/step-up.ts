import 'server-only'
import type { Actor } from './actor.ts'
import { now } from './clock.ts'
import type { Tx } from './db.ts'
import { AppError } from './errors.ts'

/** How fresh a person's second factor must be: `recent` = within 15 minutes on this session, `fresh` = given for this very request. */
export type StepUp = 'none' | 'recent' | 'fresh'

export const RECENT_FACTOR_MS = 15 * 60_000

/** @throws AppError step_up_required where `recent` is asked for and the person's factor is older */
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
