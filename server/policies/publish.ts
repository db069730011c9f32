import 'server-only'
import type { DetailText } from '#protocol/audit/personal.ts'
import { diffPolicies, type PolicyChange, type PolicyValue } from '#protocol/policy/diff.ts'
import type { PolicyDocument } from '#protocol/policy/document.ts'
import type { CommandContext } from '#server/kernel/command.ts'
import { AppError } from '#server/kernel/errors.ts'
import type { Job } from '#server/kernel/jobs.ts'
import { refuseLockout } from './lockout.ts'
import { POLICY_NAME, type StoredPolicy } from './store.ts'

type Next = { document: PolicyDocument; note: string; restoredFrom?: number; clearDraft: boolean }
export type Published = { version: number; changes: PolicyChange[] }

/**
 * Puts `next` in force as a new version of the locked policy.
 * @throws AppError conflict where it changes nothing · lockout
 */
export async function putInForce(
  context: CommandContext<unknown>,
  policy: StoredPolicy,
  next: Next,
): Promise<Published> {
  const { tx, sql, tenantId, actor, now } = context
  const changes = diffPolicies(policy.document, next.document)
  if (changes.length === 0)
    throw new AppError('conflict', { detail: `It changes nothing of version ${policy.version}, which is in force.` })
  await refuseLockout(tx, actor, next.document, changes)
  const version = policy.version + 1
  await tx.policyVersion.create({
    data: {
      tenantId,
      policyId: policy.id,
      version,
      document: next.document,
      note: next.note,
      restoredFrom: next.restoredFrom ?? null,
      publishedBy: actor.kind === 'person' ? actor.personId : null,
      publishedAt: now,
    },
    select: { version: true },
  })
  await sql(
    `UPDATE policy SET current_version = $3::integer,
            draft = CASE WHEN $4::boolean THEN NULL ELSE draft END, draft_base = CASE WHEN $4::boolean THEN NULL ELSE draft_base END,
            draft_by = CASE WHEN $4::boolean THEN NULL ELSE draft_by END, draft_at = CASE WHEN $4::boolean THEN NULL ELSE draft_at END
      WHERE tenant_id = $1::uuid AND id = $2::uuid`,
    [tenantId, policy.id, version, next.clearDraft],
  )
  return { version, changes }
}

/** Connected devices hear of it as soon as the background process has written their orders; the others when they next call. */
export function refreshDevices(tenantId: string, version: number): Job[] {
  return [{ task: 'device.refresh_policy', payload: { tenantId, version }, key: `refresh-policy:${tenantId}` }]
}

export function policyTarget(id: string): { type: 'policy'; id: string; name: string } {
  return { type: 'policy', id, name: POLICY_NAME }
}

const LIST_SHOWN = 40

/** The changes as they stand in the entry's detail, by path. The whole document stands in the version. */
export function changeDetail(
  changes: readonly PolicyChange[],
): Record<string, { before: DetailText; after: DetailText }> {
  return Object.fromEntries(
    changes.map(({ path, before, after }) => [path, { before: detailText(before), after: detailText(after) }]),
  )
}

function detailText(value: PolicyValue): DetailText {
  if (value === undefined || value === null) return 'none'
  if (typeof value !== 'object') return String(value)
  return value.length > LIST_SHOWN ? [...value.slice(0, LIST_SHOWN), `… ${value.length} in all`] : value
}
