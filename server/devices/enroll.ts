import 'server-only'
import { z } from 'zod'
import { uuidv7 } from '#lib/uuid.ts'
import { publicJwkSchema } from '#protocol/device/keys.ts'
import type { EnrollRequest, EnrollResponse } from '#protocol/device/messages.ts'
import { factsSchema } from '#protocol/device/messages.ts'
import { formatDeviceToken } from '#protocol/device/token.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { now } from '#server/kernel/clock.ts'
import { type CommandContext, defineCommand } from '#server/kernel/command.ts'
import { readTransaction } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { randomSecret, sha256 } from '#server/kernel/keys.ts'
import { signingJwks } from '#server/kernel/signing.ts'
import { type EffectivePolicy, effectivePolicy } from '#server/policies/queries.ts'
import {
  type Applicant,
  claimCode,
  findKnownDevice,
  refuseBrowser,
  refuseCap,
  refuseOldApp,
  refuseOpenWipe,
} from './enroll-checks.ts'
import { hashCode } from './enrollment-codes.ts'
import { withdrawCommands } from './issue-command.ts'
import type { DeviceStatus } from './schema.ts'
import { createShare } from './vault-share.ts'

const input = z.strictObject({
  codeId: z.string(),
  thumbprint: z.string(),
  address: z.string(),
  keys: z.strictObject({ sign: publicJwkSchema, seal: publicJwkSchema }),
  facts: factsSchema,
})
type Input = z.output<typeof input>
type Context = CommandContext<Input>

/** What an app that states nothing of itself can be trusted to do. */
const MODEST = {
  eraseVault: true,
  eraseDevice: false,
  lock: false,
  detectCapture: false,
  preventCapture: false,
  keyStore: 'file',
} as const

export type Enrolment = EnrollRequest & {
  /** Of the signing key, as the DPoP proof proved it. */
  thumbprint: string
  address: string
}

/**
 * Enrols a device with a code; the same code and key may ask again until the code ends (the answer may have been lost).
 * @throws AppError enrollment_code_invalid · wipe_pending · device_limit_reached · app_version_too_old · policy_forbids (no browsers) · forbidden (the key's device is blocked)
 */
export async function enrollDevice({ code, keys, facts, thumbprint, address }: Enrolment): Promise<EnrollResponse> {
  const codeHash = hashCode(code)
  const entry =
    codeHash &&
    (await readTransaction(null, ({ tx }) => tx.enrollmentCodeDirectory.findUnique({ where: { codeHash } })))
  if (!entry || entry.expiresAt <= now()) throw new AppError('enrollment_code_invalid')
  return enroll(systemActor(entry.tenantId, 'enrolment'), { codeId: entry.codeId, keys, facts, thumbprint, address })
}

const enroll = defineCommand({
  action: 'device.enroll',
  permission: 'system',
  risk: 'none',
  input,
  target: ({ codeId }) => ({ type: 'enrollment_code', id: codeId }),
  execute: async (context) => {
    const { tx, sql, tenantId, input: request } = context
    // Two enrolments of one key take turns, whatever codes they hold.
    await sql(`SELECT pg_advisory_xact_lock(hashtextextended('enroll:' || $1::text, 0))::text AS locked`, [
      request.thumbprint,
    ])
    const applicant = await claimCode(context, request)
    const policy = await effectivePolicy(tx, tenantId)
    refuseOldApp(policy, request.facts)
    refuseBrowser(policy, { facts: request.facts, repeats: applicant.repeats })
    await refuseOpenWipe(context, request)
    const known = await findKnownDevice(context, { thumbprint: request.thumbprint, repeats: applicant.repeats })
    await refuseCap(context, { policy, applicant, known })
    const status: DeviceStatus = policy.document.devices.approval === 'auto' ? 'active' : 'pending'
    const enrolled = await writeEnrolment(context, { applicant, known, status })
    return {
      result: await answer(context, { ...enrolled, status, policy }),
      audit: {
        action: 'device.enroll',
        actor: { kind: 'person', id: applicant.personId, name: applicant.personName },
        address: request.address,
        device: { id: enrolled.deviceId, name: request.facts.name },
        target: { type: 'device', id: enrolled.deviceId, name: request.facts.name },
        correlationId: request.codeId,
        detail: {
          platform: request.facts.platform,
          osVersion: request.facts.osVersion,
          appVersion: request.facts.appVersion,
          status,
          thumbprint: request.thumbprint,
          again: String(known !== null),
        },
      },
      notify: ['enrollment_code'],
    }
  },
})

type Written = { deviceId: string; enrollmentId: string; secret: string }

/** A device and its enrolment, or a new enrolment of a device whose key came again: the old one ends with all its orders. */
async function writeEnrolment(
  context: Context,
  { applicant, known, status }: { applicant: Applicant; known: string | null; status: DeviceStatus },
): Promise<Written> {
  const {
    tx,
    tenantId,
    input: { codeId, thumbprint, keys, address },
    now: at,
  } = context
  const deviceId = known ?? uuidv7(at.getTime())
  const enrollmentId = uuidv7(at.getTime())
  if (known) await endEnrolments(context, deviceId)
  const data = deviceColumns(context, { applicant, status, enrollmentId })
  if (known) await tx.device.updateMany({ where: { tenantId, id: deviceId }, data })
  else await tx.device.create({ data: { ...data, tenantId, id: deviceId, createdAt: at }, select: { id: true } })
  const secret = randomSecret()
  await tx.enrollment.create({
    data: {
      tenantId,
      id: enrollmentId,
      deviceId,
      signJwk: keys.sign,
      sealJwk: keys.seal,
      signThumbprint: thumbprint,
      tokenHash: new Uint8Array(sha256(secret)),
      startedAt: at,
    },
    select: { id: true },
  })
  await createShare(context, { enrollmentId, deviceId }, status !== 'active')
  const seen = { lastSeenAt: at, address, policyVersion: 0 }
  await tx.devicePresence.upsert({
    where: { tenantId_deviceId: { tenantId, deviceId } },
    create: { tenantId, deviceId, ...seen },
    update: seen,
    select: { deviceId: true },
  })
  await tx.enrollmentCode.updateMany({
    where: { tenantId, id: codeId },
    data: { usedAt: at, usedBy: thumbprint, deviceId },
  })
  return { deviceId, enrollmentId, secret }
}

function deviceColumns(
  { input: { facts }, now: at }: Context,
  { applicant, status, enrollmentId }: { applicant: Applicant; status: DeviceStatus; enrollmentId: string },
) {
  const { name, platform, osVersion, appVersion, model = '', serial = '', capabilities = MODEST } = facts
  return {
    name: name.normalize('NFC').trim(),
    platform,
    osVersion,
    appVersion,
    model,
    serial,
    capabilities,
    personId: applicant.personId,
    status,
    statusReason: '',
    statusAt: at,
    channel: platform === 'browser' ? 'browser' : 'agent',
    enrollmentId,
    approvedAt: status === 'active' ? at : null,
  }
}

async function endEnrolments(context: Context, deviceId: string): Promise<void> {
  const { tx, tenantId, now: at } = context
  await withdrawCommands(context, { deviceId, state: 'superseded' })
  await tx.vaultShare.deleteMany({ where: { tenantId, deviceId } })
  await tx.enrollment.updateMany({ where: { tenantId, deviceId, endedAt: null }, data: { endedAt: at } })
}

async function answer(
  context: Context,
  { deviceId, enrollmentId, secret, status, policy }: Written & { status: DeviceStatus; policy: EffectivePolicy },
): Promise<EnrollResponse> {
  const { tenantId } = context
  const token = formatDeviceToken({ tenantId, deviceId, secret })
  return {
    deviceId,
    enrollmentId,
    tenantId,
    status,
    token,
    serverKeys: await signingJwks(context),
    policyVersion: policy.version,
  }
}
