import 'server-only'
import type { DeviceCapabilities } from '#protocol/device/messages.ts'
import type { PolicyContext } from '#protocol/policy/evaluate.ts'
import { isAppVersionAccepted } from '#protocol/policy/evaluate.ts'
import type { Platform } from '#protocol/policy/platforms.ts'
import type { Actor, DeviceActor } from '#server/kernel/actor.ts'
import type { Audited, CommandContext } from '#server/kernel/command.ts'
import { AppError, type ErrorCode } from '#server/kernel/errors.ts'
import { type EffectivePolicy, effectivePolicy } from '#server/policies/queries.ts'
import { inAudience } from './rows.ts'

/** What a device was refused: recorded as an entry of its own, and then said. */
export type Refusal = {
  refused: {
    code: ErrorCode
    detail: string
    /** Stands in the entry. */
    problem: string
    /** Told to the device as well, where it can do something about it. */
    reason?: string
  }
}

export type DeviceRow = {
  status: string
  platform: Platform
  channel: string
  osVersion: string
  appVersion: string
  capabilities: Partial<DeviceCapabilities>
}
export type RequestedFile = {
  id: string
  /** Under which its chunks lie; the root's for a derived file. */
  contentId: string
  rootId: string
  name: string
  mediaType: string
  labels: string[]
  sizeBytes: string
  wrapped: string | null
  sha256: string
  status: string
  audience: boolean
}

export type DeviceRequest = {
  device: DeviceRow
  file: RequestedFile | null
  policy: EffectivePolicy
  refusal: Refusal | null
}

export function requireDevice(actor: Actor): DeviceActor {
  if (actor.kind !== 'device') throw new AppError('forbidden', { detail: 'Only a device asks this.' })
  return actor
}

/**
 * What decides a device's request, with device, person and file locked against a block, a suspension, another audience or a
 * deletion at the same moment: whichever commits first counts. A file of somebody else is answered like one that does not exist.
 */
export async function readDeviceRequest(context: CommandContext<{ fileId: string }>): Promise<DeviceRequest> {
  const { tx, tenantId, input } = context
  const actor = requireDevice(context.actor)
  const device = await lockDevice(context, actor)
  const file = await lockFile(context, { fileId: input.fileId, personId: actor.personId })
  const policy = await effectivePolicy(tx, tenantId)
  return { device, file, policy, refusal: refusalOf(device, file, policy) }
}

async function lockDevice({ sql, tenantId }: CommandContext<unknown>, actor: DeviceActor): Promise<DeviceRow> {
  const [device] = await sql<DeviceRow>(
    `SELECT d.status, d.platform, d.channel, d.os_version AS "osVersion", d.app_version AS "appVersion", d.capabilities
       FROM device d JOIN person p ON p.tenant_id = d.tenant_id AND p.id = d.person_id AND p.status <> 'suspended'
      WHERE d.tenant_id = $1::uuid AND d.id = $2::uuid AND d.enrollment_id = $3::uuid AND d.person_id = $4::uuid FOR SHARE OF d, p`,
    [tenantId, actor.deviceId, actor.enrollmentId, actor.personId],
  )
  // An enrolment that was replaced, or a suspended person's device.
  if (!device) throw new AppError('device_revoked')
  return device
}

async function lockFile(
  { sql, tenantId }: CommandContext<unknown>,
  { fileId, personId }: { fileId: string; personId: string },
) {
  // The lock comes in a statement of its own: the next one then reads the audience as it is now.
  await sql('SELECT 1 FROM file WHERE tenant_id = $1::uuid AND id = $2::uuid FOR SHARE', [tenantId, fileId])
  const [file] = await sql<RequestedFile>(
    `SELECT f.id::text, f.content_id::text AS "contentId", f.root_id::text AS "rootId", f.name, f.media_type AS "mediaType", f.labels, f.size_bytes::text AS "sizeBytes", f.status,
            encode(f.file_key, 'hex') AS wrapped, encode(f.sha256, 'hex') AS sha256, ${inAudience('$3::uuid')} AS audience
       FROM file f WHERE f.tenant_id = $1::uuid AND f.id = $2::uuid`,
    [tenantId, fileId, personId],
  )
  return file ?? null
}

function refusalOf(device: DeviceRow, file: RequestedFile | null, policy: EffectivePolicy): Refusal | null {
  if (device.status === 'pending')
    return refuse('device_pending', 'This device waits for an administrator’s approval.', 'device_pending')
  if (device.status !== 'active')
    return refuse('device_revoked', 'This device has been revoked.', `device_${device.status}`)
  const channel = device.channel === 'browser' ? 'browser' : 'agent'
  if (!isAppVersionAccepted(policy.document, { platform: device.platform, channel, appVersion: device.appVersion })) {
    return refuse('app_version_too_old', 'Your organisation needs a newer version of the app.', 'app_version_too_old')
  }
  if (file && file.status !== 'published') return refuse('not_found', 'There is no such file.', `file_${file.status}`)
  return file && !file.audience ? refuse('not_found', 'There is no such file.', 'not_in_audience') : null
}

export function refuse(code: ErrorCode, detail: string, problem: string, reason?: string): Refusal {
  return { refused: { code, detail, problem, ...(reason === undefined ? {} : { reason }) } }
}

/** What the policy's rules ask about the device. */
export function policyContext({ device, file }: DeviceRequest): Omit<PolicyContext, 'action'> {
  const { platform, osVersion } = device
  return {
    platform,
    osVersion,
    capabilities: { preventCapture: device.capabilities.preventCapture === true },
    labels: file?.labels ?? [],
  }
}

/**
 * Members that every entry about a device's request has. The words find it by the person, whose device it is; the correlation
 * finds what is done with a derived file by the root of its lineage.
 */
export function entryFields(
  actor: DeviceActor,
  file: RequestedFile,
): Pick<Audited, 'device' | 'target' | 'labels' | 'words' | 'correlationId'> {
  return {
    device: { id: actor.deviceId, name: actor.deviceName },
    target: { type: 'file', id: file.id, name: file.name },
    labels: file.labels,
    words: actor.personName,
    ...(file.rootId === file.id ? {} : { correlationId: file.rootId }),
  }
}

/** Whose act it is where the server states what the device's person did, and not what it handed to the device. */
export function personActing({ personId, personName }: DeviceActor): Pick<Audited, 'actor'> {
  return { actor: { kind: 'person', id: personId, name: personName } }
}

/** Answers with the result, or throws what was refused, after the entry about it is in the log. */
export function orThrow<R extends object>(outcome: R | Refusal): R {
  if (!('refused' in outcome)) return outcome
  const { code, detail, reason } = outcome.refused
  throw new AppError(code, { detail, ...(reason === undefined ? {} : { extra: { reason } }) })
}
