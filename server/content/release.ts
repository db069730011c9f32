import 'server-only'
import type { z } from 'zod'
import { evaluate } from '#protocol/policy/evaluate.ts'
import type { Actor } from '#server/kernel/actor.ts'
import { type CommandContext, type CommandOutcome, defineCommand } from '#server/kernel/command.ts'
import { fileKeyPlace, readChunks } from './chunks.ts'
import {
  type DeviceRequest,
  entryFields,
  orThrow,
  policyContext,
  type Refusal,
  readDeviceRequest,
  refuse,
  requireDevice,
} from './device-request.ts'
import { noFile } from './rows.ts'
import { releaseInput } from './schema.ts'

export type ReleasedFile = {
  id: string
  name: string
  mediaType: string
  policyVersion: number
  content: Uint8Array<ArrayBuffer>
}

type Release = z.output<typeof releaseInput>

const release = defineCommand({
  action: 'file.release',
  permission: 'device',
  risk: 'none',
  input: releaseInput,
  target: ({ fileId }) => ({ type: 'file', id: fileId }),
  execute: async (context): Promise<CommandOutcome<ReleasedFile | Refusal>> => {
    const { tenantId, input } = context
    const actor = requireDevice(context.actor)
    const request = await readDeviceRequest(context)
    const { file, policy } = request
    if (!file) throw noFile()
    const { refusal, rule } = decide(request, input.purpose)
    const entry = {
      action: 'file.release' as const,
      ...entryFields(actor, file),
      policy: { id: policy.policyId, version: policy.version, rule },
    }
    if (refusal) {
      const detail = { purpose: input.purpose, problem: refusal.refused.problem }
      return { result: refusal, audit: { ...entry, outcome: 'denied', detail } }
    }
    const stored = {
      tenantId,
      contentId: file.contentId,
      keyPlace: fileKeyPlace(file.id),
      wrapped: Buffer.from(file.wrapped ?? '', 'hex'),
      sha256: Buffer.from(file.sha256, 'hex'),
      sizeBytes: Number(file.sizeBytes),
    }
    const content = await readChunks(context, stored)
    await rememberHolder(context, actor.deviceId, actor.enrollmentId, actor.personId)
    const { id, name, mediaType } = file
    const detail = { purpose: input.purpose, sizeBytes: file.sizeBytes }
    return { result: { id, name, mediaType, policyVersion: policy.version, content }, audit: { ...entry, detail } }
  },
})

/** The reason that a download may ask for is given on the device and stands in its own event. */
function decide(request: DeviceRequest, purpose: Release['purpose']): { refusal: Refusal | null; rule: string } {
  const action = purpose === 'view' ? 'file.view' : 'file.download'
  const { outcome, rule } = evaluate(request.policy.document, {
    ...policyContext(request),
    action,
    reason: 'given on the device',
  })
  if (request.refusal) return { refusal: request.refusal, rule }
  const refusal =
    outcome === 'denied'
      ? refuse('policy_forbids', 'The organisation’s policy does not let files be saved.', 'blocked')
      : null
  return { refusal, rule }
}

async function rememberHolder(
  { sql, tenantId, input, now }: CommandContext<Release>,
  deviceId: string,
  enrollmentId: string,
  personId: string,
) {
  await sql(
    `INSERT INTO file_release (tenant_id, file_id, enrollment_id, device_id, person_id, first_at, last_at)
     VALUES ($1::uuid, $2::uuid, $3::uuid, $4::uuid, $5::uuid, $6::text::timestamptz, $6::text::timestamptz)
     ON CONFLICT (tenant_id, file_id, enrollment_id) DO UPDATE SET last_at = excluded.last_at, times = file_release.times + 1`,
    [tenantId, input.fileId, enrollmentId, deviceId, personId, now.toISOString()],
  )
}

/**
 * Hands a file's content to a device, in clear, to be sealed to its key. The entry is durable when this returns: it is logged
 * before a byte leaves. A refusal is an entry (`denied`), too; a file of somebody else is answered as if it did not exist.
 * @throws AppError not_found · device_pending · device_revoked · app_version_too_old · policy_forbids
 */
export async function releaseFile(actor: Actor, input: z.input<typeof releaseInput>): Promise<ReleasedFile> {
  return orThrow(await release(actor, input))
}
