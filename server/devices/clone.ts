import 'server-only'
import { z } from 'zod'
import { type DeviceActor, systemActor } from '#server/kernel/actor.ts'
import { defineCommand } from '#server/kernel/command.ts'
import { AppError, isAppError } from '#server/kernel/errors.ts'
import { lockDevice, named } from './device-rows.ts'
import { block } from './lifecycle.ts'

/** Blocks a device that spoke with two tongues; both copies hold the same key, so both are shut out. Harmless to repeat. */
export async function reportClone({ tenantId, deviceId, address }: DeviceActor, seq: string): Promise<void> {
  try {
    await blockClone(systemActor(tenantId, 'gateway'), { deviceId, seq, address })
  } catch (error) {
    if (!isAppError(error) || error.code !== 'conflict') throw error
  }
}

/** Why a copied device is blocked; the Overview finds such devices by it. */
export const CLONE_REASON = 'Two copies of this device seem to exist'

const blockClone = defineCommand({
  action: 'device.clone_suspected',
  permission: 'system',
  risk: 'reversible',
  input: z.strictObject({ deviceId: z.string(), seq: z.string(), address: z.string() }),
  execute: async (context) => {
    const { deviceId, seq, address } = context.input
    const device = await lockDevice(context, deviceId)
    if (device.status !== 'active' && device.status !== 'pending')
      throw new AppError('conflict', { detail: 'The device is out of service.' })
    const topic = await block(context, device, CLONE_REASON)
    const audit = {
      action: 'device.clone_suspected',
      outcome: 'denied',
      ...named(device),
      address,
      detail: { seq },
    } as const
    return { result: null, audit, notify: [topic] }
  },
})
