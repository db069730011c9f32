import 'server-only'
import { z } from 'zod'
import type { Actor } from '#server/kernel/actor.ts'
import { defineCommand } from '#server/kernel/command.ts'
import type { Tx } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { lockDevice, named, requireCan, setStatus } from './device-rows.ts'
import { withdrawCommands } from './issue-command.ts'
import { block } from './lifecycle.ts'
import { deviceCan, deviceIdInput } from './schema.ts'

/** @throws AppError not_found when the device is somebody else's, or none */
export async function requireOwnDevice(
  { tx, tenantId, actor }: { tx: Tx; tenantId: string; actor: Actor },
  deviceId: string,
): Promise<void> {
  const personId = actor.kind === 'person' ? actor.personId : null
  const own = personId !== null && (await tx.device.count({ where: { tenantId, id: deviceId, personId } })) === 1
  if (!own) throw new AppError('not_found', { detail: 'You have no such device.' })
}

/**
 * A person stops one of their own devices, from any browser and without another factor: stopping is the safe direction, and
 * only an administrator takes it back. @throws AppError not_found · conflict
 */
export const blockOwnDevice = defineCommand({
  action: 'device.block',
  name: 'device.block.own',
  permission: 'self',
  risk: 'reversible',
  input: deviceIdInput,
  target: ({ deviceId }) => ({ type: 'device', id: deviceId }),
  execute: async (context) => {
    const { deviceId } = context.input
    await requireOwnDevice(context, deviceId)
    const device = await lockDevice(context, deviceId)
    requireCan(deviceCan.block(device), 'Only a device in service can be blocked.')
    const reason = 'Blocked by its own person'
    const topic = await block(context, device, reason)
    return {
      result: { id: device.id, status: 'blocked' as const },
      audit: { action: 'device.block', ...named(device), reason },
      notify: [topic],
    }
  },
})

/**
 * The device takes itself out of service, because its person removes it there: the server's half of its vault key is deleted
 * and its token is worth nothing from now on. @throws AppError conflict while an erase is open · device_revoked
 */
export const leaveService = defineCommand({
  action: 'device.retire',
  name: 'device.leave',
  permission: 'device',
  risk: 'reversible',
  input: z.strictObject({}),
  execute: async (context) => {
    const { tx, tenantId, actor, now } = context
    if (actor.kind !== 'device') throw new AppError('forbidden')
    const device = await lockDevice(context, actor.deviceId)
    requireCan(deviceCan.retire(device), 'A device with an open erase cannot leave.')
    // Blocked or enrolled anew since the request was let in: out of a block nobody leaves by themself.
    if ((device.status !== 'active' && device.status !== 'pending') || device.enrollmentId !== actor.enrollmentId)
      throw new AppError('device_revoked')
    await withdrawCommands(context, { deviceId: device.id, state: 'superseded' })
    await setStatus(context, { deviceId: device.id, status: 'retired', reason: 'Removed on the device', now })
    await tx.pushSubscription.deleteMany({ where: { tenantId, deviceId: device.id } })
    await tx.vaultShare.deleteMany({ where: { tenantId, deviceId: device.id } })
    return {
      result: { status: 'retired' as const },
      audit: { action: 'device.retire', ...named(device), reason: 'Removed on the device' },
      jobs: [{ task: 'device.record_destroyed', payload: { tenantId, enrollmentIds: [actor.enrollmentId] } }],
    }
  },
})
