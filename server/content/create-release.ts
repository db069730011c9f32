import 'server-only'
import type { z } from 'zod'
import { base64urlEncode } from '#lib/bytes.ts'
import { uuidv7 } from '#lib/uuid.ts'
import { type Release, releaseRequestSchema } from '#protocol/device/messages.ts'
import { makeContentKey } from '#protocol/device/release.ts'
import { evaluate, type PolicyDecision } from '#protocol/policy/evaluate.ts'
import { deviceCode, renderWatermark } from '#protocol/policy/watermark.ts'
import type { Actor, DeviceActor } from '#server/kernel/actor.ts'
import { type Audited, type CommandContext, type CommandOutcome, defineCommand } from '#server/kernel/command.ts'
import { uuidField } from '#server/kernel/fields.ts'
import { CHUNK_BYTES, chunkCountOf, openContentKey } from './chunks.ts'
import { answeringDamage } from './damage.ts'
import { type Deliverable, deliverableOf } from './deliverable.ts'
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
import { rememberHolder } from './holders.ts'
import { alertingDamage } from './integrity.ts'
import { noFile } from './rows.ts'

/** How long the chunks of a release may be fetched. A block, a deletion or an audience without the person ends it at once. */
export const RELEASE_LASTS_MS = 3_600_000

const createReleaseInput = releaseRequestSchema.extend({ fileId: uuidField() })

type CreateRelease = z.output<typeof createReleaseInput>

const ACTS = { view: 'file.view', download: 'file.download', print: 'file.print' } as const

const create = defineCommand({
  action: 'file.release',
  name: 'file.release.create',
  permission: 'device',
  risk: 'none',
  input: createReleaseInput,
  target: ({ fileId }) => ({ type: 'file', id: fileId }),
  execute: async (context): Promise<CommandOutcome<Release | Refusal>> => answeringDamage(() => handOut(context)),
})

async function handOut(context: CommandContext<CreateRelease>): Promise<CommandOutcome<Release | Refusal>> {
  const actor = requireDevice(context.actor)
  const request = await readDeviceRequest(context)
  const { file } = request
  if (!file) throw noFile()
  const decision = decide(request, context.input)
  const refusal = request.refusal ?? forbidden(decision)
  if (refusal) return refused(context, request, { file, decision, refusal })
  const content = await deliverableOf(context, { file, isOriginal: isOriginal(request, context.input) })
  if ('refused' in content) return refused(context, request, { file, decision, refusal: content })
  // A key that does not open is found before anything is handed out.
  openContentKey(await context.vault(), content)
  const release = await makeRelease(context, request, { file, content, decision })
  await keepGrant(context, actor, { release, content })
  await rememberHolder(context, actor)
  const entry = entryOf(context, request, { file, decision, outcome: 'allowed' })
  return { result: release, audit: withDetail(entry, detailOf(context.input, release)) }
}

/** A browser shows what was made to be shown; an agent keeps the file, and states by itself what its person does with it. */
function isOriginal({ device }: DeviceRequest, { purpose }: CreateRelease): boolean {
  return device.channel !== 'browser' || purpose === 'download'
}

/** An agent asks for the reason when its person acts, and it stands in the event about that. */
function decide(request: DeviceRequest, { purpose, reason }: CreateRelease): PolicyDecision {
  const given = request.device.channel === 'browser' ? reason : (reason ?? 'given on the device')
  return evaluate(request.policy.document, { ...policyContext(request), action: ACTS[purpose], reason: given })
}

function forbidden({ outcome, denial }: PolicyDecision): Refusal | null {
  if (outcome === 'allowed') return null
  if (denial === 'reason_required') {
    return refuse('policy_forbids', 'The organisation’s policy asks for a reason.', denial, denial)
  }
  return refuse('policy_forbids', 'The organisation’s policy does not allow this.', denial ?? 'blocked', 'blocked')
}

type Entry = { file: RequestedFile; decision: PolicyDecision; outcome: 'allowed' | 'denied' | 'failed' }

function entryOf(
  { actor, input }: CommandContext<CreateRelease>,
  { device, policy }: DeviceRequest,
  { file, decision, outcome }: Entry,
) {
  const isBrowser = device.channel === 'browser'
  return {
    ...entryFields(requireDevice(actor), file),
    ...(isBrowser ? personActing(requireDevice(actor)) : {}),
    action: isBrowser ? ACTS[input.purpose] : ('file.release' as const),
    outcome,
    policy: { id: policy.policyId, version: policy.version, rule: decision.rule },
    ...(isBrowser ? { enforcement: decision.enforcement } : {}),
    ...(input.reason ? { reason: input.reason } : {}),
  }
}

function withDetail(entry: ReturnType<typeof entryOf>, detail: Record<string, string>): Audited {
  return { ...entry, detail }
}

/** That something cannot be shown is nobody’s refusal: it failed. */
function refused(
  context: CommandContext<CreateRelease>,
  request: DeviceRequest,
  { file, decision, refusal }: Omit<Entry, 'outcome'> & { refusal: Refusal },
): CommandOutcome<Refusal> {
  const { code, problem } = refusal.refused
  const entry = entryOf(context, request, { file, decision, outcome: code === 'not_viewable' ? 'failed' : 'denied' })
  const { purpose, session } = context.input
  return { result: refusal, audit: withDetail(entry, { purpose, problem, ...(session ? { session } : {}) }) }
}

function detailOf(
  { purpose, session }: CreateRelease,
  { releaseId, kind, sizeBytes }: Release,
): Record<string, string> {
  return { purpose, kind, sizeBytes: String(sizeBytes), releaseId, ...(session ? { session } : {}) }
}

type Made = { file: RequestedFile; content: Deliverable; decision: PolicyDecision }

async function makeRelease(
  context: CommandContext<CreateRelease>,
  request: DeviceRequest,
  { file, content, decision }: Made,
): Promise<Release> {
  const { now, input } = context
  const { policyId: id, version } = request.policy
  const { kind, mediaType, sizeBytes, sha256, pages } = content
  return {
    releaseId: uuidv7(now.getTime()),
    fileId: file.id,
    name: file.name,
    mediaType,
    labels: file.labels,
    kind,
    sizeBytes,
    sha256,
    chunkBytes: CHUNK_BYTES,
    chunkCount: chunkCountOf(sizeBytes),
    contentKey: base64urlEncode(makeContentKey()),
    ...(pages === null ? {} : { pages }),
    watermark: input.purpose === 'download' ? null : await watermarkOf(context, request),
    policy: { id, version, rule: decision.rule },
    expiresAt: new Date(now.getTime() + RELEASE_LASTS_MS).toISOString(),
  }
}

/** Whoever photographs the screen photographs this: who, when, on which device. */
async function watermarkOf(
  { sql, tenantId, actor, now: time }: CommandContext<CreateRelease>,
  { policy }: DeviceRequest,
): Promise<{ text: string } | null> {
  const { mode, template } = policy.document.data.watermark
  if (mode === 'off') return null
  const { personId, personName: name, deviceId } = requireDevice(actor)
  const [row] = await sql<{ email: string; organisation: string }>(
    `SELECT p.email, t.name AS organisation FROM person p JOIN tenant t ON t.id = p.tenant_id
      WHERE p.tenant_id = $1::uuid AND p.id = $2::uuid`,
    [tenantId, personId],
  )
  const { email = '', organisation = '' } = row ?? {}
  return { text: renderWatermark(template, { name, email, organisation, time, device: deviceCode(deviceId) }) }
}

/** The content key in the database opens nothing but chunks on their way; when its hour is over it goes. */
async function keepGrant(
  context: CommandContext<CreateRelease>,
  { enrollmentId, deviceId, personId }: DeviceActor,
  { release, content }: { release: Release; content: Deliverable },
): Promise<void> {
  const { sql, tenantId, input, now, vault } = context
  const { releaseId, fileId, sizeBytes, contentKey, expiresAt } = release
  const key = Buffer.from(contentKey, 'base64url')
  const sealed = (await vault()).seal(key, 'file_release_grant', 'content_key', releaseId)
  await sweepGrants(context)
  const rows = [tenantId, releaseId, fileId, enrollmentId, deviceId, personId, input.purpose, input.session ?? null]
  await sql(
    `INSERT INTO file_release_grant (tenant_id, id, file_id, enrollment_id, device_id, person_id, purpose, session_id,
                                     content_id, size_bytes, content_key, created_at, expires_at)
     VALUES ($1::uuid, $2::uuid, $3::uuid, $4::uuid, $5::uuid, $6::uuid, $7::text, $8::text::uuid,
             $9::uuid, $10::text::bigint, decode($11::text, 'hex'), $12::text::timestamptz, $13::text::timestamptz)`,
    [...rows, content.contentId, String(sizeBytes), sealed.toString('hex'), now.toISOString(), expiresAt],
  )
}

/** Those of the organisation that are over, by whoever comes next; two at once do not wait for each other. Index: file_release_grant_expires. */
async function sweepGrants({ sql, tenantId, now }: CommandContext<CreateRelease>): Promise<void> {
  await sql(
    `DELETE FROM file_release_grant g USING (
       SELECT id FROM file_release_grant WHERE tenant_id = $1::uuid AND expires_at <= $2::text::timestamptz
        ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED) AS over
      WHERE g.tenant_id = $1::uuid AND g.id = over.id`,
    [tenantId, now.toISOString()],
  )
}

/**
 * Hands a file to a device: the key that its chunks are sealed under for the next hour, and what is needed to show it. By the
 * time this returns the entry is durable (`file.view`, `file.download` or `file.print` of a browser, `file.release` of an
 * agent), and nothing can be opened before. A refusal is an entry, too.
 * @throws AppError not_found · device_pending · device_revoked · app_version_too_old · policy_forbids · not_viewable ·
 * content_damaged · unavailable while the file has not been looked at yet
 */
export async function createRelease(actor: Actor, input: z.input<typeof createReleaseInput>): Promise<Release> {
  return orThrow(await alertingDamage(actor, input.fileId, () => create(actor, input)))
}
