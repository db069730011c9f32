import 'server-only'
import { canonicalJson } from '#lib/canonical-json.ts'
import { diffPolicies, loosens } from '#protocol/policy/diff.ts'
import { canonicalPolicy, type PolicyDocument } from '#protocol/policy/document.ts'
import type { Sql, Tx } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { sha256 } from '#server/kernel/keys.ts'
import { effectivePolicy, startingPolicy, storedDocument } from './effective.ts'
import type { PolicyDraft, PolicyView } from './schema.ts'

/** What a second factor is bound to when somebody publishes: the bytes of the draft they reviewed. */
export function digestOf(document: PolicyDocument): string {
  return sha256(canonicalJson(canonicalPolicy(document))).toString('hex')
}

export type StoredDraft = { document: PolicyDocument; base: number; savedBy: string | null; savedAt: Date }
export type StoredPolicy = { id: string; version: number; document: PolicyDocument; draft: StoredDraft | null }

/** The name of the only policy there is so far. */
export const POLICY_NAME = 'Organisation'

/**
 * Locks the policy's row (made on its first change, with version 1 beside it), so that changes of one policy take turns.
 * @throws AppError not_found for any id but that of the organisation's policy
 */
export async function lockPolicy(
  { tx, sql, tenantId }: { tx: Tx; sql: Sql; tenantId: string },
  policyId: string,
): Promise<StoredPolicy> {
  if (policyId === tenantId) await writeStartingPolicy({ tx, sql, tenantId })
  const locked = await sql('SELECT 1 FROM policy WHERE tenant_id = $1::uuid AND id = $2::uuid FOR UPDATE', [
    tenantId,
    policyId,
  ])
  if (locked.length === 0) throw noPolicy()
  const { version, document } = await effectivePolicy(tx, tenantId)
  return { id: policyId, version, document, draft: await readDraft(tx, tenantId, policyId) }
}

function noPolicy(): AppError {
  return new AppError('not_found', { detail: 'There is no such policy.' })
}

async function writeStartingPolicy({ tx, sql, tenantId }: { tx: Tx; sql: Sql; tenantId: string }): Promise<void> {
  const { document, publishedAt } = await startingPolicy(tx, tenantId)
  const made = await sql(
    `INSERT INTO policy (tenant_id, id, name, current_version, created_at) VALUES ($1::uuid, $1::uuid, $2::text, 1, $3::text::timestamptz)
     ON CONFLICT DO NOTHING RETURNING 1`,
    [tenantId, POLICY_NAME, publishedAt.toISOString()],
  )
  if (made.length === 0) return
  await tx.policyVersion.create({
    data: { tenantId, policyId: tenantId, version: 1, document, publishedAt },
    select: { version: true },
  })
}

async function readDraft(tx: Tx, tenantId: string, id: string): Promise<StoredDraft | null> {
  const row = await tx.policy.findFirst({
    where: { tenantId, id },
    select: { draft: true, draftBase: true, draftBy: true, draftAt: true },
  })
  if (!row?.draft || row.draftBase === null || row.draftAt === null) return null
  return { document: storedDocument(row.draft), base: row.draftBase, savedBy: row.draftBy, savedAt: row.draftAt }
}

/** The policy with its draft as the doors show it. @throws AppError not_found */
export async function readPolicy(tx: Tx, tenantId: string, policyId: string): Promise<PolicyView> {
  const row = await tx.policy.findFirst({ where: { tenantId, id: policyId }, select: { name: true } })
  if (!row && policyId !== tenantId) throw noPolicy()
  const { version, document, publishedAt } = await effectivePolicy(tx, tenantId)
  const published = await tx.policyVersion.findFirst({
    where: { tenantId, policyId, version },
    select: { publishedBy: true },
  })
  const draft = await readDraft(tx, tenantId, policyId)
  const names = await namesOf(tx, tenantId, [published?.publishedBy, draft?.savedBy])
  return {
    id: policyId,
    name: row?.name ?? POLICY_NAME,
    scope: 'organisation',
    version,
    document,
    publishedAt,
    publishedBy: names(published?.publishedBy),
    draft: draft && viewDraft(draft, { version, document }, names(draft.savedBy)),
  }
}

function viewDraft(
  draft: StoredDraft,
  current: { version: number; document: PolicyDocument },
  savedBy: PolicyDraft['savedBy'],
): PolicyDraft {
  const changes = diffPolicies(current.document, draft.document)
  const { document, base, savedAt } = draft
  return {
    document,
    base,
    stale: base !== current.version,
    digest: digestOf(document),
    savedBy,
    savedAt,
    changes,
    loosens: loosens(changes),
  }
}

/** Names of people by id, for whatever of the ids is one. An API key that saved or published stands for nobody. */
export async function namesOf(tx: Tx, tenantId: string, ids: readonly (string | null | undefined)[]) {
  const wanted = [...new Set(ids.filter((id) => id != null))]
  const rows =
    wanted.length === 0
      ? []
      : await tx.person.findMany({ where: { tenantId, id: { in: wanted } }, select: { id: true, name: true } })
  const byId = new Map(rows.map((row) => [row.id, row]))
  return (id: string | null | undefined) => (id ? (byId.get(id) ?? null) : null)
}
