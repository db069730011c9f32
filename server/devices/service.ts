import 'server-only'
import type { Platform } from '#protocol/policy/platforms.ts'
import type { DeviceActor } from '#server/kernel/actor.ts'
import type { Tx } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { type EffectivePolicy, effectivePolicy } from '#server/policies/queries.ts'
import { refuseOldApp } from './enroll-checks.ts'

export type ServedDevice = {
  platform: Platform
  osVersion: string
  appVersion: string
  capabilities: { preventCapture: boolean }
  policy: EffectivePolicy
}

/**
 * The device behind `actor` as it stands in this transaction, when it may have content and shares.
 * @throws AppError device_revoked · device_pending · app_version_too_old
 */
export async function requireServedDevice(tx: Tx, actor: DeviceActor): Promise<ServedDevice> {
  const { tenantId, deviceId: id, enrollmentId } = actor
  const device = await tx.device.findFirst({
    where: { tenantId, id, enrollmentId, person: { status: { not: 'suspended' } } },
    select: { status: true, platform: true, osVersion: true, appVersion: true, capabilities: true },
  })
  if (device?.status === 'pending')
    throw new AppError('device_pending', { detail: 'An administrator has not approved this device yet.' })
  if (device?.status !== 'active') throw new AppError('device_revoked', { detail: revokedDetail(device?.status) })
  const policy = await effectivePolicy(tx, tenantId)
  // The column holds what a platform list of our own let in.
  const platform = device.platform as Platform
  refuseOldApp(policy, { platform, appVersion: device.appVersion })
  const { preventCapture } = device.capabilities as { preventCapture?: boolean }
  return {
    platform,
    osVersion: device.osVersion,
    appVersion: device.appVersion,
    capabilities: { preventCapture: preventCapture === true },
    policy,
  }
}

/** What the person who holds a refused device reads. */
export function revokedDetail(status: string | undefined): string {
  switch (status) {
    case 'blocked':
      return 'Your organisation has blocked this device. Ask your administrator.'
    case 'wiping':
    case 'wiped':
      return 'Your organisation has ordered the erase of its data on this device.'
    default:
      return 'This device is no longer in service. Ask your administrator.'
  }
}
