import 'server-only'
import { DeviceProtocolError } from '#protocol/device/error.ts'
import { verifyKeyRotation } from '#protocol/device/key-rotation.ts'
import { publicJwkSchema } from '#protocol/device/keys.ts'
import {
  type FactsRequest,
  type FactsResponse,
  factsRequestSchema,
  rotateKeysRequestSchema,
} from '#protocol/device/messages.ts'
import type { Platform } from '#protocol/policy/platforms.ts'
import type { DeviceActor } from '#server/kernel/actor.ts'
import { defineCommand } from '#server/kernel/command.ts'
import { readTransaction, type Tx } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { parseInput } from '#server/kernel/fields.ts'
import { effectivePolicy } from '#server/policies/queries.ts'
import { appVersionProblem } from './enroll-checks.ts'
import type { DeviceStatus } from './schema.ts'

const FACTS = {
  platform: true,
  osVersion: true,
  appVersion: true,
  model: true,
  serial: true,
  capabilities: true,
} as const
type Facts = {
  platform: string
  osVersion: string
  appVersion: string
  model: string
  serial: string
  capabilities: unknown
}

/**
 * A check-in. Writes an entry only when something is new; the answer says why a device that is let in is not served.
 * The name it states is the one of its enrolment: an admin may have given it another since.
 */
export async function reportFacts(actor: DeviceActor, raw: FactsRequest): Promise<FactsResponse> {
  const facts = parseInput(factsRequestSchema, raw)
  const { tenantId, deviceId: id } = actor
  const known = await readTransaction(tenantId, ({ tx }) =>
    tx.device.findFirst({ where: { tenantId, id }, select: FACTS }),
  )
  if (!known) throw new AppError('not_found', { detail: 'There is no such device.' })
  if (Object.keys(changes(known, facts)).length > 0) await recordFacts(actor, facts)
  return readTransaction(tenantId, ({ tx }) => answer(tx, actor))
}

async function answer(tx: Tx, { tenantId, deviceId: id }: DeviceActor): Promise<FactsResponse> {
  const device = await tx.device.findFirstOrThrow({
    where: { tenantId, id },
    select: { status: true, platform: true, appVersion: true },
  })
  const policy = await effectivePolicy(tx, tenantId)
  // Columns that only our own lists were written to.
  const problem = appVersionProblem(policy, { platform: device.platform as Platform, appVersion: device.appVersion })
  return { status: device.status as DeviceStatus, policyVersion: policy.version, problem }
}

function changes(known: Facts, facts: FactsRequest): Record<string, { before: string; after: string }> {
  const changed: Record<string, { before: string; after: string }> = {}
  for (const member of ['platform', 'osVersion', 'appVersion', 'model', 'serial', 'capabilities'] as const) {
    const stated = facts[member]
    if (stated === undefined) continue
    const before = asText(known[member])
    const after = asText(stated)
    if (before !== after) changed[member] = { before, after }
  }
  return changed
}

function asText(value: unknown): string {
  if (typeof value === 'string') return value
  return JSON.stringify(Object.entries(value ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)))
}

const recordFacts = defineCommand({
  action: 'device.facts',
  permission: 'device',
  risk: 'none',
  input: factsRequestSchema,
  execute: async ({ tx, tenantId, actor, input }) => {
    if (actor.kind !== 'device') throw new AppError('forbidden')
    const { deviceId: id, deviceName: name } = actor
    const known = await tx.device.findFirst({ where: { tenantId, id }, select: FACTS })
    if (!known) throw new AppError('not_found', { detail: 'There is no such device.' })
    // What a device is does not change with its version: another platform under the same keys is a mistake or a trick.
    if (known.platform !== input.platform)
      throw new AppError('forbidden', { detail: 'A device cannot become another platform.' })
    const { osVersion, appVersion, model, serial, capabilities } = input
    await tx.device.updateMany({
      where: { tenantId, id },
      data: {
        osVersion,
        appVersion,
        ...(model === undefined ? {} : { model }),
        ...(serial === undefined ? {} : { serial }),
        ...(capabilities ? { capabilities } : {}),
      },
    })
    return {
      result: null,
      audit: {
        action: 'device.facts',
        device: { id, name },
        target: { type: 'device', id, name },
        detail: changes(known, input),
      },
    }
  },
})

/**
 * Puts new keys in the place of the enrolment's, proven by the old one; the token is bound to the new one from then on.
 * @throws AppError forbidden (not proven) · invalid · conflict (rotated meanwhile)
 */
export const rotateKeys = defineCommand({
  action: 'device.keys.rotate',
  permission: 'device',
  risk: 'reversible',
  input: rotateKeysRequestSchema,
  execute: async ({ tx, tenantId, actor, input, now }) => {
    if (actor.kind !== 'device') throw new AppError('forbidden')
    const { deviceId, enrollmentId, deviceName: name } = actor
    const where = { tenantId, id: enrollmentId, deviceId, endedAt: null }
    const enrollment = await tx.enrollment.findFirst({ where, select: { signJwk: true, signThumbprint: true } })
    if (!enrollment) throw new AppError('not_found', { detail: 'There is no such enrolment.' })
    const expected = { oldKey: publicJwkSchema.parse(enrollment.signJwk), deviceId, enrollmentId, nowMs: now.getTime() }
    const { keys, signThumbprint } = await verifyKeyRotation(input, expected).catch(refuseRotation)
    const { count } = await tx.enrollment.updateMany({
      where: { ...where, signThumbprint: enrollment.signThumbprint },
      data: { signJwk: keys.sign, sealJwk: keys.seal, signThumbprint },
    })
    if (count !== 1) throw new AppError('conflict', { detail: 'The keys were rotated meanwhile.' })
    const device = { id: deviceId, name }
    const detail = { keyThumbprint: { before: enrollment.signThumbprint, after: signThumbprint } }
    return {
      result: { keyThumbprint: signThumbprint },
      audit: { action: 'device.keys.rotate', device, target: { type: 'device', ...device }, detail },
    }
  },
})

function refuseRotation(cause: unknown): never {
  if (!(cause instanceof DeviceProtocolError)) throw cause
  throw new AppError(cause.code === 'malformed' ? 'invalid' : 'forbidden', {
    detail: `The rotation does not hold: ${cause.message}`,
    cause,
  })
}
