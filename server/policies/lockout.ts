import 'server-only'
import type { PolicyChange } from '#protocol/policy/diff.ts'
import type { PolicyDocument } from '#protocol/policy/document.ts'
import type { Actor } from '#server/kernel/actor.ts'
import type { Tx } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import type { LockoutReason } from './schema.ts'

type Owner = { id: string; hasFactor: boolean }

/**
 * Whether requiring a second factor by these changes could shut the owners out: the acting owner has none, or fewer than two
 * owners (the only one, where there is one) have one.
 */
export async function lockoutReasons(
  tx: Tx,
  actor: Actor,
  document: PolicyDocument,
  changes: readonly PolicyChange[],
): Promise<LockoutReason[]> {
  const concerned = changes.some(({ path }) => path.startsWith('signIn.secondFactor.'))
  if (!concerned || document.signIn.secondFactor.mode === 'off') return []
  const owners = await activeOwners(tx, actor.tenantId)
  const reasons: LockoutReason[] = []
  if (actor.kind === 'person' && owners.some(({ id, hasFactor }) => id === actor.personId && !hasFactor))
    reasons.push('acting_owner')
  if (owners.filter(({ hasFactor }) => hasFactor).length < Math.min(2, owners.length)) reasons.push('owners')
  return reasons
}

async function activeOwners(tx: Tx, tenantId: string): Promise<Owner[]> {
  const owners = await tx.person.findMany({
    where: { tenantId, role: 'owner', status: 'active' },
    select: { id: true },
  })
  const ids = owners.map(({ id }) => id)
  const enrolled = await tx.totpCredential.findMany({
    where: { tenantId, personId: { in: ids }, confirmedAt: { not: null } },
    select: { personId: true },
  })
  const having = new Set(enrolled.map(({ personId }) => personId))
  return ids.map((id) => ({ id, hasFactor: having.has(id) }))
}

const DETAIL: Record<LockoutReason, string> = {
  acting_owner: 'You have no second factor yourself: enrol one first.',
  owners: 'Fewer than two owners (or the only one) have a second factor: nobody could let the others in again.',
}

/** @throws AppError lockout, naming the reasons */
export async function refuseLockout(
  tx: Tx,
  actor: Actor,
  document: PolicyDocument,
  changes: readonly PolicyChange[],
): Promise<void> {
  const reasons = await lockoutReasons(tx, actor, document, changes)
  if (reasons.length === 0) return
  throw new AppError('lockout', { detail: reasons.map((reason) => DETAIL[reason]).join(' '), extra: { reasons } })
}
