import 'server-only'
import { z } from 'zod'
import type { DeviceActor } from '#server/kernel/actor.ts'
import { now } from '#server/kernel/clock.ts'
import { type Audited, defineCommand } from '#server/kernel/command.ts'
import { pgTransaction, readTransaction } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { uuidField } from '#server/kernel/fields.ts'
import { moveWipe } from './wipe-rows.ts'

/** Silence after delivery becomes a state of its own after this. */
export const UNCONFIRMED_AFTER_MS = 24 * 3_600_000

export type WaitingCommand = { id: string; type: string; jws: string; delivered: boolean }

/**
 * What waits for the device, oldest first, whatever its status. A wiped device that returns is shown its order again: it may
 * have been restored from a copy.
 */
export async function waitingCommands(actor: DeviceActor): Promise<WaitingCommand[]> {
  const { tenantId, deviceId, enrollmentId } = actor
  return pgTransaction('reader', tenantId, (_client, sql) =>
    sql<WaitingCommand>(
      `SELECT c.id::text, c.type, c.jws, c.delivered_at IS NOT NULL AS delivered FROM device_command c
        WHERE c.tenant_id = $1::uuid AND c.device_id = $2::uuid AND c.enrollment_id = $3::uuid AND c.expires_at > $4::text::timestamptz
          AND (c.state IN ('waiting', 'delivered')
               OR (c.type = 'wipe' AND c.state = 'done' AND EXISTS (
                    SELECT 1 FROM device d WHERE d.tenant_id = c.tenant_id AND d.id = c.device_id AND d.status = 'wiped')))
        ORDER BY c.issued_at, c.id LIMIT 100`,
      [tenantId, deviceId, enrollmentId, now().toISOString()],
    ),
  )
}

/**
 * Says that these orders were put on the device's connection. Only an erase has a state for it, so that every other order
 * costs nothing here; call it with what `waitingCommands` gave. Harmless to repeat.
 */
export async function markCommandsDelivered(actor: DeviceActor, commands: readonly WaitingCommand[]): Promise<void> {
  for (const { id, type, delivered } of commands) {
    if (type !== 'wipe' || delivered) continue
    await markDelivered(actor, { commandId: id }).catch((error: unknown) => {
      // Another connection of the device, or its receipt, was faster.
      if (!(error instanceof AppError) || error.code !== 'conflict') throw error
    })
  }
}

const markDelivered = defineCommand({
  action: 'device.wipe.deliver',
  permission: 'device',
  risk: 'none',
  input: z.strictObject({ commandId: uuidField() }),
  execute: async (context) => {
    const { tx, tenantId, actor, input, now: at } = context
    if (actor.kind !== 'device') throw new AppError('forbidden')
    const { deviceId: id, deviceName: name, enrollmentId } = actor
    const { count } = await tx.deviceCommand.updateMany({
      where: { tenantId, id: input.commandId, deviceId: id, enrollmentId, type: 'wipe', state: 'waiting' },
      data: { state: 'delivered', deliveredAt: at },
    })
    const wipe =
      count === 1 &&
      (await tx.wipe.findFirst({ where: { tenantId, commandId: input.commandId }, select: { id: true } }))
    if (!wipe) throw new AppError('conflict', { detail: 'This order was delivered before or is no longer open.' })
    await moveWipe(context, { wipeId: wipe.id, from: ['queued'], to: 'delivered', by: actor })
    const audit: Audited = {
      action: 'device.wipe.deliver',
      device: { id, name },
      target: { type: 'device', id, name },
      correlationId: wipe.id,
    }
    const runAt = new Date(at.getTime() + UNCONFIRMED_AFTER_MS)
    const job = {
      task: 'device.wipe_unconfirmed',
      payload: { tenantId, wipeId: wipe.id },
      runAt,
      key: `wipe-unconfirmed:${wipe.id}`,
    }
    return { result: null, audit, jobs: [job], notify: ['wipe'] }
  },
})

/** Whether a wipe waits for a receipt since longer than a day. The job may come early, late or twice. */
export const markUnconfirmed = defineCommand({
  action: 'device.wipe.unconfirmed',
  permission: 'system',
  risk: 'none',
  input: z.strictObject({ wipeId: uuidField() }),
  execute: async (context) => {
    const { tx, tenantId, actor, input } = context
    const wipe = await tx.wipe.findFirst({
      where: { tenantId, id: input.wipeId },
      select: { reason: true, device: { select: { id: true, name: true } } },
    })
    if (!wipe) throw new AppError('not_found', { detail: 'There is no such erase.' })
    await moveWipe(context, { wipeId: input.wipeId, from: ['delivered'], to: 'unconfirmed', by: actor })
    const { device, reason } = wipe
    const audit: Audited = {
      action: 'device.wipe.unconfirmed',
      outcome: 'pending',
      device,
      target: { type: 'device', ...device },
      correlationId: input.wipeId,
      reason,
    }
    return { result: null, audit, notify: ['wipe'] }
  },
})

/** Whether the erase is still delivered and silent, so that a repeated job writes nothing. */
export async function isAwaitingReceipt(tenantId: string, wipeId: string): Promise<boolean> {
  return readTransaction(
    tenantId,
    async ({ tx }) => (await tx.wipe.count({ where: { tenantId, id: wipeId, state: 'delivered' } })) === 1,
  )
}
