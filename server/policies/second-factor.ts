import 'server-only'
import { secondFactorDeadlineMs } from '#protocol/policy/evaluate.ts'
import type { Tx } from '#server/kernel/db.ts'
import { registerHook } from '#server/kernel/hooks.ts'
import { type EffectivePolicy, effectivePolicy } from './effective.ts'

/** From when on a person without a second factor is held at the enrolment page, by the policy in force; null: never. */
export async function secondFactorDeadline(tx: Tx, tenantId: string): Promise<Date | null> {
  const policy = await effectivePolicy(tx, tenantId)
  if (policy.document.signIn.secondFactor.mode === 'off') return null
  const since = await requirementSince(tx, tenantId, policy)
  const deadlineMs = secondFactorDeadlineMs(policy.document, since.getTime())
  return deadlineMs === null ? null : new Date(deadlineMs)
}

/** When the present requirement came into force: a later version that changes something else does not start the grace anew. */
async function requirementSince(tx: Tx, tenantId: string, policy: EffectivePolicy): Promise<Date> {
  const [row] = await tx.$queryRawUnsafe<{ since: Date | null }[]>(
    `WITH versions AS (SELECT version, published_at, document #> '{signIn,secondFactor}' AS setting
                         FROM policy_version WHERE tenant_id = $1::uuid AND policy_id = $2::uuid AND version <= $3::integer)
     SELECT min(published_at) AS since FROM versions
      WHERE version > coalesce((SELECT max(version) FROM versions
                                 WHERE setting <> (SELECT setting FROM versions WHERE version = $3::integer)), 0)`,
    tenantId,
    policy.policyId,
    policy.version,
  )
  return row?.since ?? policy.publishedAt
}

registerHook('secondFactorDeadline', secondFactorDeadline)
