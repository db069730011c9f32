import 'server-only'
import { diffPolicies, loosens } from '#protocol/policy/diff.ts'
import { type CommandContext, type CommandOutcome, defineCommand } from '#server/kernel/command.ts'
import { AppError } from '#server/kernel/errors.ts'
import { storedDocument } from './effective.ts'
import { changeDetail, type Published, policyTarget, putInForce, refreshDevices } from './publish.ts'
import { type PolicyView, policyInput, publishInput, rollbackInput, saveDraftInput } from './schema.ts'
import { digestOf, lockPolicy, readPolicy, type StoredDraft, type StoredPolicy } from './store.ts'

const about = ({ policyId }: { policyId: string }) => policyTarget(policyId)

/**
 * Saves the draft, which binds nobody yet. `policy.draft` names what it would change.
 * @throws AppError not_found · invalid · conflict when the base is no longer in force, or somebody saved another draft meanwhile
 */
export const saveDraft = defineCommand({
  action: 'policy.draft',
  permission: 'policies:write',
  risk: 'reversible',
  input: saveDraftInput,
  target: about,
  execute: async (context): Promise<CommandOutcome<PolicyView>> => {
    const { tx, sql, tenantId, actor, input, now } = context
    const policy = await lockPolicy(context, input.policyId)
    const base = input.base ?? policy.version
    requireCurrent(policy, base)
    requireSeen(policy.draft, input.draftSeenAt)
    const by = actor.kind === 'person' ? actor.personId : null
    await sql(
      `UPDATE policy SET draft = $3::text::jsonb, draft_base = $4::integer, draft_by = $5::text::uuid, draft_at = $6::text::timestamptz
        WHERE tenant_id = $1::uuid AND id = $2::uuid`,
      [tenantId, policy.id, JSON.stringify(input.document), base, by, now.toISOString()],
    )
    const changes = diffPolicies(policy.document, input.document)
    const audit = {
      action: 'policy.draft' as const,
      target: policyTarget(policy.id),
      detail: { base: String(base), ...changeDetail(changes) },
    }
    return { result: await readPolicy(tx, tenantId, policy.id), audit }
  },
})

/** Throws the draft away. @throws AppError not_found · conflict without a draft */
export const discardDraft = defineCommand({
  action: 'policy.draft',
  name: 'policy.draft.discard',
  permission: 'policies:write',
  risk: 'reversible',
  input: policyInput,
  target: about,
  execute: async (context): Promise<CommandOutcome<PolicyView>> => {
    const { tx, sql, tenantId, input } = context
    const policy = await lockPolicy(context, input.policyId)
    const { base } = requireDraft(policy)
    await sql(
      `UPDATE policy SET draft = NULL, draft_base = NULL, draft_by = NULL, draft_at = NULL WHERE tenant_id = $1::uuid AND id = $2::uuid`,
      [tenantId, policy.id],
    )
    const audit = {
      action: 'policy.draft' as const,
      target: policyTarget(policy.id),
      detail: { base: String(base), discarded: 'true' },
    }
    return { result: await readPolicy(tx, tenantId, policy.id), audit }
  },
})

/**
 * Puts the draft in force as the next version, whatever it loosens; for a person who confirms this very draft (`digest`).
 * @throws AppError not_found · conflict (no draft, another one than reviewed, a newer version) · lockout · step_up_required
 */
export const publishPolicy = defineCommand({
  action: 'policy.publish',
  permission: 'policies:write',
  risk: 'guard',
  input: publishInput,
  target: about,
  execute: async (context): Promise<CommandOutcome<PolicyView>> =>
    publishDraft(context, await lockPolicy(context, context.input.policyId)),
})

/**
 * Puts a draft in force that loosens nothing: an API key may ask for it as well, a person needs a recent factor only.
 * @throws AppError as publishPolicy, and person_required (a key) or step_up_required where the draft loosens anything
 */
export const publishTighterPolicy = defineCommand({
  action: 'policy.publish',
  name: 'policy.publish.tighter',
  permission: 'policies:write',
  risk: 'reversible',
  stepUp: 'recent',
  input: publishInput,
  target: about,
  execute: async (context): Promise<CommandOutcome<PolicyView>> => {
    const policy = await lockPolicy(context, context.input.policyId)
    refuseLooser(context, policy, requireDraft(policy))
    return publishDraft(context, policy)
  },
})

/**
 * Puts an earlier version's document in force again, as a new version. The draft stays; it must be saved again on the new base.
 * @throws AppError not_found · conflict where it changes nothing · lockout · step_up_required
 */
export const rollbackPolicy = defineCommand({
  action: 'policy.rollback',
  permission: 'policies:write',
  risk: 'guard',
  input: rollbackInput,
  target: about,
  execute: async (context): Promise<CommandOutcome<PolicyView>> => {
    const { tx, tenantId, input } = context
    const policy = await lockPolicy(context, input.policyId)
    const row = await tx.policyVersion.findFirst({
      where: { tenantId, policyId: policy.id, version: input.version },
      select: { document: true },
    })
    if (!row) throw new AppError('not_found', { detail: `There is no version ${input.version}.` })
    const next = {
      document: storedDocument(row.document),
      note: input.note,
      restoredFrom: input.version,
      clearDraft: false,
    }
    const published = await putInForce(context, policy, next)
    return outcomeOf(context, policy, published, input.version)
  },
})

async function publishDraft(
  context: CommandContext<{ note: string; digest?: string | undefined }>,
  policy: StoredPolicy,
) {
  const { input } = context
  const draft = requireDraft(policy)
  requireCurrent(policy, draft.base)
  if (input.digest !== undefined && input.digest !== digestOf(draft.document)) {
    throw new AppError('conflict', {
      detail: 'The draft is not the one that was reviewed: look at it again.',
      extra: { reason: 'draft_changed' },
    })
  }
  const published = await putInForce(context, policy, { document: draft.document, note: input.note, clearDraft: true })
  return outcomeOf(context, policy, published, null)
}

async function outcomeOf(
  { tx, tenantId, input }: CommandContext<{ note: string }>,
  policy: StoredPolicy,
  { version, changes }: Published,
  restoredFrom: number | null,
): Promise<CommandOutcome<PolicyView>> {
  const common = {
    target: policyTarget(policy.id),
    policy: { id: policy.id, version },
    ...(input.note ? { reason: input.note } : {}),
  }
  const detail = { version: String(version), ...changeDetail(changes) }
  return {
    result: await readPolicy(tx, tenantId, policy.id),
    audit:
      restoredFrom === null
        ? { action: 'policy.publish', ...common, detail }
        : { action: 'policy.rollback', ...common, detail: { ...detail, restoredFrom: String(restoredFrom) } },
    jobs: refreshDevices(tenantId, version),
  }
}

function requireDraft(policy: StoredPolicy): StoredDraft {
  if (policy.draft) return policy.draft
  throw new AppError('conflict', { detail: 'There is no draft.', extra: { reason: 'no_draft' } })
}

function requireCurrent(policy: StoredPolicy, base: number): void {
  if (base === policy.version) return
  throw new AppError('conflict', {
    detail: `The draft starts from version ${base}, but version ${policy.version} is in force.`,
    extra: { reason: 'newer_version', version: policy.version },
  })
}

function requireSeen(draft: StoredDraft | null, seenAt: string | null | undefined): void {
  if (seenAt === undefined) return
  const saved = draft?.savedAt.getTime() ?? null
  if (saved === (seenAt === null ? null : Date.parse(seenAt))) return
  throw new AppError('conflict', {
    detail: 'Somebody else saved or discarded the draft meanwhile.',
    extra: { reason: 'draft_changed' },
  })
}

function refuseLooser({ actor }: CommandContext<unknown>, policy: StoredPolicy, draft: StoredDraft): void {
  const looser = diffPolicies(policy.document, draft.document).filter(({ direction }) => direction === 'looser')
  if (!loosens(looser)) return
  const detail = `It loosens ${looser.map(({ path }) => path).join(', ')}.`
  if (actor.kind === 'person') throw new AppError('step_up_required', { detail, extra: { stepUp: 'fresh' } })
  if (actor.kind !== 'system')
    throw new AppError('person_required', { detail: `${detail} A person must publish it in the console.` })
}
