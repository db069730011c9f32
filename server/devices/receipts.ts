import 'server-only'
import { z } from 'zod'
import { DeviceProtocolError } from '#protocol/device/error.ts'
import { importVerifyKey, publicJwkSchema } from '#protocol/device/keys.ts'
import { type Receipt, verifyReceipt } from '#protocol/device/receipts.ts'
import type { DeviceActor } from '#server/kernel/actor.ts'
import { type Audited, type CommandContext, defineCommand } from '#server/kernel/command.ts'
import { readTransaction } from '#server/kernel/db.ts'
import { AppError, isAppError } from '#server/kernel/errors.ts'
import { uuidField } from '#server/kernel/fields.ts'
import { setStatus } from './device-rows.ts'
import { moveWipe } from './wipe-rows.ts'

const input = z.strictObject({ commandId: uuidField(), jws: z.string().max(16_384) })
type Context = CommandContext<z.output<typeof input>>
type Answer = { state: string }

/**
 * Takes the device's signed word that an order is done. The same receipt again gets the same answer and writes nothing.
 * @throws AppError not_found · invalid (not a receipt) · forbidden (not this order's, or not signed by this device) · conflict (another receipt is in)
 */
export async function acceptReceipt(actor: DeviceActor, receipt: { commandId: string; jws: string }): Promise<Answer> {
  const before = await findClosed(actor, receipt)
  if (before) return before
  try {
    return await closeCommand(actor, receipt)
  } catch (error) {
    const meanwhile = isAppError(error) && error.code === 'conflict' ? await findClosed(actor, receipt) : null
    if (meanwhile) return meanwhile
    throw error
  }
}

async function findClosed(
  { tenantId, deviceId }: DeviceActor,
  { commandId: id, jws }: { commandId: string; jws: string },
): Promise<Answer | null> {
  if (!z.uuid().safeParse(id).success) throw new AppError('not_found', { detail: 'There is no such command.' })
  return readTransaction(tenantId, ({ tx }) =>
    tx.deviceCommand.findFirst({ where: { tenantId, id, deviceId, receipt: jws }, select: { state: true } }),
  )
}

const closeCommand = defineCommand({
  action: 'device.command.receipt',
  permission: 'device',
  risk: 'none',
  input,
  target: ({ commandId }) => ({ type: 'command', id: commandId }),
  execute: async (context) => {
    const {
      tx,
      tenantId,
      actor,
      input: { commandId: id, jws },
      now,
    } = context
    if (actor.kind !== 'device') throw new AppError('forbidden')
    const { deviceId, enrollmentId } = actor
    const command = await tx.deviceCommand.findFirst({
      where: { tenantId, id, deviceId, enrollmentId },
      select: { type: true, nonce: true, enrollment: { select: { signJwk: true, signThumbprint: true } } },
    })
    if (!command) throw new AppError('not_found', { detail: 'There is no such command.' })
    const receipt = await verify(jws, {
      commandId: id,
      deviceId,
      nonce: command.nonce,
      signJwk: command.enrollment.signJwk,
    })
    const state = requireFitting(command.type, receipt)
    const { count } = await tx.deviceCommand.updateMany({
      where: { tenantId, id, state: { in: ['waiting', 'delivered'] } },
      data: { state, receipt: jws, receiptAt: now },
    })
    if (count !== 1) throw new AppError('conflict', { detail: 'This command is closed.' })
    if (command.type === 'wipe') {
      const audit = await closeWipe(context, actor, { receipt, jws, thumbprint: command.enrollment.signThumbprint })
      return { result: { state }, audit, notify: ['wipe', `device:${deviceId}`] }
    }
    const detail = { type: command.type, result: receipt.result, ...(receipt.code ? { code: receipt.code } : {}) }
    const target = { type: 'command', id }
    return { result: { state }, audit: { action: 'device.command.receipt', device: nameOf(actor), target, detail } }
  },
})

function nameOf({ deviceId: id, deviceName: name }: DeviceActor) {
  return { id, name }
}

type Expectation = { commandId: string; deviceId: string; nonce: string; signJwk: unknown }

async function verify(jws: string, { signJwk, ...expected }: Expectation): Promise<Receipt> {
  try {
    return await verifyReceipt(jws, await importVerifyKey(publicJwkSchema.parse(signJwk)), expected)
  } catch (cause) {
    if (!(cause instanceof DeviceProtocolError)) throw cause
    const code = cause.code === 'malformed' || cause.code === 'wrong_type' ? 'invalid' : 'forbidden'
    throw new AppError(code, {
      detail: `The receipt does not hold: ${cause.message}`,
      extra: { receipt: cause.code },
      cause,
    })
  }
}

const DONE: Record<string, Receipt['result']> = { wipe: 'erased', lock: 'locked', 'refresh-policy': 'refreshed' }

function requireFitting(type: string, { result }: Receipt): 'done' | 'failed' {
  if (result === 'failed') return 'failed'
  if (DONE[type] === result) return 'done'
  throw new AppError('invalid', {
    detail: `The receipt of a ${type} cannot say ${result}.`,
    fields: { result: `must be ${DONE[type]} or failed` },
  })
}

type Closing = { receipt: Receipt; jws: string; thumbprint: string }

/** Only a receipt makes an erase `erased`; it does so however late it comes. */
async function closeWipe(
  context: Context,
  actor: DeviceActor,
  { receipt, jws, thumbprint }: Closing,
): Promise<Audited[]> {
  const {
    tx,
    tenantId,
    input: { commandId },
    now,
  } = context
  const wipe = await tx.wipe.findFirst({ where: { tenantId, commandId }, select: { id: true, reason: true } })
  if (!wipe) throw new AppError('not_found', { detail: 'There is no such erase.' })
  const erased = receipt.result === 'erased'
  const data = { receipt: jws, receiptPayload: receipt }
  const to = erased ? 'erased' : 'failed'
  await moveWipe(context, { wipeId: wipe.id, from: ['queued', 'delivered', 'unconfirmed'], to, by: actor, data })
  // After a failure the device stays shut (its share is gone) and an admin may ask again.
  await setStatus(context, { deviceId: actor.deviceId, status: erased ? 'wiped' : 'blocked', reason: wipe.reason, now })
  const about = {
    device: nameOf(actor),
    target: { type: 'device', ...nameOf(actor) },
    correlationId: wipe.id,
    occurredAt: now,
  }
  const detail = {
    result: receipt.result,
    files: String(receipt.erased.files),
    bytes: String(receipt.erased.bytes),
    thumbprint,
  }
  const received: Audited = { action: 'device.wipe.receipt', ...about, outcome: erased ? 'allowed' : 'failed', detail }
  if (erased) return [received]
  return [
    received,
    { action: 'device.wipe.fail', ...about, outcome: 'failed', detail: { code: receipt.code ?? 'unknown' } },
  ]
}
