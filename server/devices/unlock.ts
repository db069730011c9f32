import 'server-only'
import { z } from 'zod'
import { base64urlEncode } from '#lib/bytes.ts'
import type { UnlockResponse } from '#protocol/device/messages.ts'
import { defineCommand } from '#server/kernel/command.ts'
import { AppError } from '#server/kernel/errors.ts'
import { requireServedDevice, revokedDetail } from './service.ts'
import { openShare } from './vault-share.ts'

/**
 * Hands the server's half of the vault key to the device, for as long as the policy lets it work offline. Until when that is
 * stands beside the share: an erase later says until when the device could have stayed unlocked.
 * @throws AppError device_revoked · device_pending · app_version_too_old
 */
export const unlockShare = defineCommand({
  action: 'device.unlock',
  permission: 'device',
  risk: 'none',
  input: z.strictObject({}),
  execute: async (
    context,
  ): Promise<{ result: UnlockResponse; audit: { action: 'device.unlock' } & Record<string, unknown> }> => {
    const { tx, sql, tenantId, actor, now } = context
    if (actor.kind !== 'device') throw new AppError('forbidden')
    const { policy } = await requireServedDevice(tx, actor)
    const leaseSeconds = policy.document.devices.offlineHours * 3_600
    const until = new Date(now.getTime() + leaseSeconds * 1_000)
    // A block or an erase that came first has withheld or deleted the row; one that comes later waits for this commit.
    const handedOut = await sql(
      `UPDATE vault_share SET offline_until = greatest(offline_until, $3::text::timestamptz)
        WHERE tenant_id = $1::uuid AND enrollment_id = $2::uuid AND NOT withheld RETURNING 1 AS done`,
      [tenantId, actor.enrollmentId, until.toISOString()],
    )
    if (handedOut.length !== 1) throw new AppError('device_revoked', { detail: revokedDetail(undefined) })
    const share = base64urlEncode(await openShare(context, actor.enrollmentId))
    const { deviceId: id, deviceName: name } = actor
    return {
      result: { share, leaseSeconds, policyVersion: policy.version },
      audit: {
        action: 'device.unlock',
        device: { id, name },
        target: { type: 'device', id, name },
        policy: { id: policy.policyId, version: policy.version, rule: 'devices.offlineHours' },
        detail: { leaseSeconds: String(leaseSeconds) },
      },
    }
  },
})
