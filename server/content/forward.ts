import 'server-only'
import type { z } from 'zod'
import { uuidv7 } from '#lib/uuid.ts'
import { type ForwardResponse, forwardRequestSchema } from '#protocol/device/messages.ts'
import { evaluate, type PolicyDecision } from '#protocol/policy/evaluate.ts'
import { filesTopics } from '#server/devices/schema.ts'
import type { Actor } from '#server/kernel/actor.ts'
import { type CommandContext, type CommandOutcome, defineCommand } from '#server/kernel/command.ts'
import { AppError } from '#server/kernel/errors.ts'
import { emailField, uuidField } from '#server/kernel/fields.ts'
import { addToAudience } from './audience.ts'
import { fileKeyPlace, rewrapContentKey } from './chunks.ts'
import { answeringDamage } from './damage.ts'
import {
  type DeviceRequest,
  entryFields,
  orThrow,
  personActing,
  policyContext,
  type Refusal,
  type RequestedFile,
  readDeviceRequest,
  refuse,
  requireDevice,
} from './device-request.ts'
import { alertingDamage } from './integrity.ts'
import { noFile } from './rows.ts'

const forwardInput = forwardRequestSchema.extend({ fileId: uuidField(), to: emailField() })

type Forward = z.output<typeof forwardInput>
type Context = CommandContext<Forward>
type Recipient = { id: string; name: string }

const forward = defineCommand({
  action: 'file.forward',
  permission: 'device',
  risk: 'reversible',
  input: forwardInput,
  target: ({ fileId }) => ({ type: 'file', id: fileId }),
  execute: (context): Promise<CommandOutcome<ForwardResponse | Refusal>> => answeringDamage(() => pass(context)),
})

async function pass(context: Context): Promise<CommandOutcome<ForwardResponse | Refusal>> {
  const { input } = context
  const actor = requireDevice(context.actor)
  const request = await readDeviceRequest(context)
  const { file, policy } = request
  if (!file) throw noFile()
  const recipient = await findRecipient(context)
  if (recipient?.id === actor.personId) throw yourself()
  const decision = decide(request, input)
  const refusal = request.refusal ?? forbidden(decision, policy.version) ?? (recipient ? null : outside(request))
  const rule = { id: policy.policyId, version: policy.version, rule: decision.rule }
  const entry = {
    action: 'file.forward' as const,
    ...entryFields(actor, file),
    ...personActing(actor),
    policy: rule,
    ...(input.reason ? { reason: input.reason } : {}),
  }
  if (refusal) {
    const detail = { to: input.to, problem: refusal.refused.problem }
    return { result: refusal, audit: { ...entry, outcome: 'denied', enforcement: 'prevented', detail } }
  }
  const copy = recipient ? await copyFor(context, file, recipient) : null
  const detail = { to: input.to, root: file.rootId, ...(copy ? { copy } : { outside: 'true' }) }
  const result = { fileId: copy, name: file.name, to: input.to, policy: rule }
  const notify = recipient ? filesTopics({ everyone: false, people: [recipient] }) : []
  return { result, audit: { ...entry, detail }, notify }
}

async function findRecipient({ tx, tenantId, input }: Context): Promise<Recipient | null> {
  return tx.person.findFirst({
    where: { tenantId, email: input.to, status: { not: 'suspended' } },
    select: { id: true, name: true },
  })
}

function decide(request: DeviceRequest, { to, reason }: Forward): PolicyDecision {
  const { document } = request.policy
  return evaluate(document, { ...policyContext(request), action: 'file.forward', recipient: to, reason })
}

const DENIALS: Record<NonNullable<PolicyDecision['denial']>, string> = {
  blocked: 'The organisation’s policy does not let files be forwarded',
  external_recipient: 'The organisation’s policy lets files be forwarded inside the organisation only',
  reason_required: 'The organisation’s policy asks for a reason',
}

function forbidden({ outcome, denial, rule }: PolicyDecision, version: number): Refusal | null {
  if (outcome === 'allowed') return null
  const why = denial ?? 'blocked'
  return refuse('policy_forbids', `${DENIALS[why]} (${rule}, version ${version}).`, why, why)
}

/** What the policy lets out of the organisation leaves by the app that holds the content; a browser has no way to send it. */
function outside({ device }: DeviceRequest): Refusal | null {
  if (device.channel !== 'browser') return null
  const detail = 'Nobody of the organisation has this address.'
  return refuse('policy_forbids', detail, 'external_recipient', 'external_recipient')
}

function yourself(): AppError {
  return new AppError('invalid', { detail: 'to: is you', fields: { to: 'is you' } })
}

/**
 * The recipient's own copy: a row, an audience and a wrapped key over the same stored content. Forwarded twice, also there and
 * back and there again, it is one.
 */
async function copyFor(context: Context, file: RequestedFile, recipient: Recipient): Promise<string> {
  await holdRoot(context, file)
  return (await existingCopy(context, file, recipient)) ?? makeCopy(context, file, recipient)
}

/** Whoever deletes the root deletes what was derived: nothing may be derived meanwhile. */
async function holdRoot({ sql, tenantId }: Context, { rootId }: RequestedFile): Promise<void> {
  const held = await sql(
    `SELECT 1 FROM file WHERE tenant_id = $1::uuid AND id = $2::uuid AND status = 'published' FOR SHARE`,
    [tenantId, rootId],
  )
  if (held.length === 0) throw noFile()
}

/** Index: file_audience_person. */
async function existingCopy(
  { sql, tenantId, actor }: Context,
  { rootId }: RequestedFile,
  recipient: Recipient,
): Promise<string | null> {
  const { personId } = requireDevice(actor)
  // Two at once take turns, or both would find none.
  await sql(`SELECT pg_advisory_xact_lock(hashtextextended('forward:' || $1::text, 0))::text`, [
    [tenantId, rootId, personId, recipient.id].join(),
  ])
  const [copy] = await sql<{ id: string }>(
    `SELECT f.id::text FROM file_audience a JOIN file f ON f.tenant_id = a.tenant_id AND f.id = a.file_id
      WHERE a.tenant_id = $1::uuid AND a.person_id = $2::uuid AND f.root_id = $3::uuid AND f.id <> f.root_id
        AND f.published_by = $4::uuid AND f.status = 'published' ORDER BY f.id LIMIT 1`,
    [tenantId, recipient.id, rootId, personId],
  )
  return copy?.id ?? null
}

async function makeCopy(context: Context, file: RequestedFile, recipient: Recipient): Promise<string> {
  const { sql, tenantId, now } = context
  const id = uuidv7(now.getTime())
  const source = {
    contentId: file.contentId,
    wrapped: Buffer.from(file.wrapped ?? '', 'hex'),
    keyPlace: fileKeyPlace(file.id),
  }
  const wrapped = rewrapContentKey(await context.vault(), source, fileKeyPlace(id))
  await sql(
    `INSERT INTO file (tenant_id, id, name, media_type, size_bytes, sha256, labels, everyone, file_key, status, published_by,
                       created_at, content_id, root_id, derived_from, version)
     SELECT tenant_id, $3::uuid, name, media_type, size_bytes, sha256, labels, false, decode($4::text, 'hex'), 'published', $5::uuid,
            $6::text::timestamptz, content_id, root_id, id, version
       FROM file WHERE tenant_id = $1::uuid AND id = $2::uuid`,
    [
      tenantId,
      file.id,
      id,
      Buffer.from(wrapped).toString('hex'),
      requireDevice(context.actor).personId,
      now.toISOString(),
    ],
  )
  await addToAudience(sql, tenantId, id, [recipient])
  return id
}

/**
 * Hands a copy of a file to somebody else of the organisation, where the policy allows it: a derived file of theirs. Out of the
 * organisation only the app itself can send; for it the decision is made and logged, and no copy. A refusal is an entry
 * (`denied`), too. @throws AppError not_found · invalid · device_pending · device_revoked · app_version_too_old ·
 * policy_forbids · content_damaged
 */
export async function forwardFile(actor: Actor, input: z.input<typeof forwardInput>): Promise<ForwardResponse> {
  return orThrow(await alertingDamage(actor, input.fileId, () => forward(actor, input)))
}
