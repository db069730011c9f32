import 'server-only'
import { defaultPolicy, type PolicyDocument, parsePolicy } from '#protocol/policy/document.ts'
import type { Tx } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'

/** The policy in force. Version 1 is what every organisation starts with, before anybody published anything. */
export type EffectivePolicy = { policyId: string; version: number; publishedAt: Date; document: PolicyDocument }

/**
 * The organisation's policy as it is in force now; writes nothing. The policy's id is the organisation's own, so that the
 * version that devices were given before the first publish belongs to the same history.
 */
export async function effectivePolicy(tx: Tx, tenantId: string): Promise<EffectivePolicy> {
  const row = await tx.policy.findFirst({
    where: { tenantId, scope: 'organisation' },
    select: { id: true, currentVersion: true },
  })
  if (!row) return startingPolicy(tx, tenantId)
  const { id: policyId, currentVersion: version } = row
  const published = await tx.policyVersion.findFirst({
    where: { tenantId, policyId, version },
    select: { document: true, publishedAt: true },
  })
  if (!published) throw new Error(`version ${version} of the policy ${policyId} is missing`)
  return { policyId, version, publishedAt: published.publishedAt, document: storedDocument(published.document) }
}

/** Version 1, which nobody had to publish. */
export async function startingPolicy(tx: Tx, tenantId: string): Promise<EffectivePolicy> {
  const tenant = await tx.tenant.findFirst({ where: { id: tenantId }, select: { createdAt: true } })
  if (!tenant) throw new AppError('not_found', { detail: 'There is no such organisation.' })
  return { policyId: tenantId, version: 1, publishedAt: tenant.createdAt, document: defaultPolicy() }
}

/** A document as it stands in the database. One that does not parse is a bug of ours and must not pass for a looser one. */
export function storedDocument(value: unknown): PolicyDocument {
  const parsed = parsePolicy(value)
  if (parsed.ok) return parsed.policy
  throw new Error(
    `a stored policy does not parse: ${parsed.errors.map(({ path, message }) => `${path} ${message}`).join('; ')}`,
  )
}
