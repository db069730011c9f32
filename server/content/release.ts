import 'server-only'
import type { z } from 'zod'
import { evaluate } from '#protocol/policy/evaluate.ts'
import type { Actor } from '#server/kernel/actor.ts'
import { type CommandOutcome, defineCommand } from '#server/kernel/command.ts'
import { fileKeyPlace, readChunks } from './chunks.ts'
import { answeringDamage } from './damage.ts'
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
import { rememberHolder } from './holders.ts'
import { alertingDamage } from './integrity.ts'
import { noFile } from './rows.ts'
import { releaseInput } from './schema.ts'

export type ReleasedFile = {
  id: string
  name: string
  mediaType: string
  policyVersion: number
  content: Uint8Array<ArrayBuffer>
}

/** A larger file is fetched in chunks. */
export const MAX_WHOLE_BYTES = 50 * 1024 * 1024

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
    const content = await answeringDamage(() => readChunks(context, stored))
    await rememberHolder(context, actor)
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
  const before = request.refusal ?? unfit(request)
  if (before) return { refusal: before, rule }
  const refusal =
    outcome === 'denied'
      ? refuse('policy_forbids', 'The organisation’s policy does not let files be saved.', 'blocked')
      : null
  return { refusal, rule }
}

/** What this door cannot do, and the other one can. */
function unfit({ device, file }: DeviceRequest): Refusal | null {
  const instead = 'Ask for it with POST /device/v1/files/{id}/releases.'
  if (device.channel === 'browser')
    return refuse('conflict', `A browser is given releases. ${instead}`, 'needs_release')
  if (Number(file?.sizeBytes) <= MAX_WHOLE_BYTES) return null
  return refuse('too_large', `This file is too large to be given in one piece. ${instead}`, 'needs_release')
}

/**
 * Hands a file's content to a device, in clear, to be sealed to its key. The entry is durable when this returns: it is logged
 * before a byte leaves. A refusal is an entry (`denied`), too; a file of somebody else is answered as if it did not exist.
 * @throws AppError not_found · device_pending · device_revoked · app_version_too_old · policy_forbids · too_large · conflict (a
 * browser) · content_damaged
 */
export async function releaseFile(actor: Actor, input: z.input<typeof releaseInput>): Promise<ReleasedFile> {
  return orThrow(await alertingDamage(actor, input.fileId, () => release(actor, input)))
}
