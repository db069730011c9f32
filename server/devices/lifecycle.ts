import 'server-only'
import { defineCommand } from '#server/kernel/command.ts'
import { lockDevice, named, requireCan, setStatus, setWithheld } from './device-rows.ts'
import { commandTopic, issueCommand, withdrawCommands } from './issue-command.ts'
import { blockInput, deviceCan, deviceIdInput, updateDeviceInput } from './schema.ts'

const target = ({ deviceId }: { deviceId: string }) => ({ type: 'device', id: deviceId })

/** Lets a pending device in: its vault share is handed out from now on. @throws AppError not_found · conflict */
export const approveDevice = defineCommand({
  action: 'device.approve',
  permission: 'devices:write',
  risk: 'reversible',
  input: deviceIdInput,
  target,
  execute: async (context) => {
    const device = await lockDevice(context, context.input.deviceId)
    requireCan(deviceCan.approve(device), 'Only a pending device can be approved.')
    await setStatus(context, { deviceId: device.id, status: 'active', reason: '', now: context.now })
    await setWithheld(context, device.id, false)
    return {
      result: { id: device.id, status: 'active' as const },
      audit: { action: 'device.approve', ...named(device) },
      notify: [commandTopic(device.id)],
    }
  },
})

/**
 * Stops a device at once and reversibly: the server keeps its half of the vault key back, every request but commands and
 * receipts is refused, and a connected device locks. @throws AppError not_found · conflict
 */
export const blockDevice = defineCommand({
  action: 'device.block',
  permission: 'devices:write',
  risk: 'reversible',
  stepUp: 'recent',
  input: blockInput,
  target,
  execute: async (context) => {
    const { deviceId, reason } = context.input
    const device = await lockDevice(context, deviceId)
    requireCan(deviceCan.block(device), 'Only a pending or active device can be blocked.')
    const topic = await block(context, device, reason)
    return {
      result: { id: device.id, status: 'blocked' as const },
      audit: { action: 'device.block', ...named(device), reason },
      notify: [topic],
    }
  },
})

type BlockContext = Parameters<typeof issueCommand>[0]

/** What a block does to a device that the caller has locked; the caller writes the entry. */
export async function block(
  context: BlockContext,
  device: { id: string; enrollmentId: string },
  reason: string,
): Promise<string> {
  return lockOut(context, device, { status: 'blocked', reason })
}

/** Refuses a device from now on, keeps the server's half back, and has it lock itself. */
async function lockOut(
  context: BlockContext,
  { id, enrollmentId }: { id: string; enrollmentId: string },
  { status, reason }: { status: 'blocked' | 'retired'; reason: string },
): Promise<string> {
  await setStatus(context, { deviceId: id, status, reason, now: context.now })
  await setWithheld(context, id, true)
  const { topic } = await issueCommand(context, { deviceId: id, enrollmentId, type: 'lock' })
  return topic
}

/** Takes a block back; loosens, so a person decides it with a fresh factor. @throws AppError not_found · conflict */
export const unblockDevice = defineCommand({
  action: 'device.unblock',
  permission: 'devices:write',
  risk: 'guard',
  input: deviceIdInput,
  target,
  execute: async (context) => {
    const device = await lockDevice(context, context.input.deviceId)
    requireCan(
      deviceCan.unblock(device),
      'Only a blocked device without an open erase, whose vault share exists, can be unblocked.',
    )
    const status = device.approved ? 'active' : 'pending'
    await restore(context, { id: device.id, status })
    return {
      result: { id: device.id, status },
      audit: { action: 'device.unblock', ...named(device) },
      notify: [commandTopic(device.id)],
    }
  },
})

/** Gives a blocked device the status it had. */
export async function restore(
  context: BlockContext,
  { id, status }: { id: string; status: 'active' | 'pending' | 'retired' },
): Promise<void> {
  await setStatus(context, { deviceId: id, status, reason: '', now: context.now })
  await setWithheld(context, id, status !== 'active')
  await withdrawCommands(context, { deviceId: id, type: 'lock', state: 'cancelled' })
}

/** Takes a device out of service: it is refused from now on and may come back only by enrolling again. */
export const retireDevice = defineCommand({
  action: 'device.retire',
  permission: 'devices:write',
  risk: 'reversible',
  input: deviceIdInput,
  target,
  execute: async (context) => {
    const device = await lockDevice(context, context.input.deviceId)
    requireCan(deviceCan.retire(device), 'A device with an open erase, a wiped one or a retired one cannot be retired.')
    await withdrawCommands(context, { deviceId: device.id, state: 'superseded' })
    const topic = await lockOut(context, device, { status: 'retired', reason: '' })
    return {
      result: { id: device.id, status: 'retired' as const },
      audit: { action: 'device.retire', ...named(device) },
      notify: [topic],
    }
  },
})

/** Renames a device or says whose it is. */
export const updateDevice = defineCommand({
  action: 'device.update',
  permission: 'devices:write',
  risk: 'reversible',
  input: updateDeviceInput,
  target,
  execute: async (context) => {
    const { tx, tenantId, input } = context
    const device = await lockDevice(context, input.deviceId)
    const before = await tx.device.findFirstOrThrow({
      where: { tenantId, id: device.id },
      select: { name: true, ownership: true },
    })
    const after = { name: input.name ?? before.name, ownership: input.ownership ?? before.ownership }
    await tx.device.updateMany({ where: { tenantId, id: device.id }, data: after })
    const changed = (['name', 'ownership'] as const).filter((member) => before[member] !== after[member])
    const detail = Object.fromEntries(
      changed.map((member) => [member, { before: before[member], after: after[member] }]),
    )
    return { result: after, audit: { action: 'device.update', ...named({ ...device, name: after.name }), detail } }
  },
})
