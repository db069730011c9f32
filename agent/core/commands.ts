import { z } from 'zod'
import { hexEncode, utf8Encode } from '#lib/bytes.ts'
import { formatTime } from '#lib/time.ts'
import { type Command, type CommandType, verifyCommand } from '#protocol/device/commands.ts'
import { DeviceProtocolError } from '#protocol/device/error.ts'
import { type Receipt, signReceipt } from '#protocol/device/receipts.ts'
import type { Device } from './device.ts'
import { AgentError } from './errors.ts'
import { recordEvent } from './events.ts'
import { NAMES, readJson, writeJson } from './identity.ts'
import { fetchPolicy } from './policy.ts'
import { hasReceipt, keepReceipt } from './receipts.ts'
import { expectNotErased, type Tombstone } from './tombstone.ts'
import { dropShare } from './vault.ts'
import { wipe } from './wipe.ts'

const memorySchema = z.object({
  /** Nonces that were obeyed, until their commands would have expired anyway. */
  obeyed: z.record(z.string(), z.string()),
  /** SHA-256 of refused commands, newest last: one that is sent again and again is reported once. */
  refused: z.array(z.string()),
})

type Memory = z.infer<typeof memorySchema>

const REFUSED_KEPT = 200

async function readMemory(device: Device): Promise<Memory> {
  return (await readJson(device.ports.store, NAMES.commands, memorySchema)) ?? { obeyed: {}, refused: [] }
}

export type CommandResult =
  | { kind: 'done'; type: CommandType; commandId: string }
  | { kind: 'repeated'; commandId: string }
  | { kind: 'refused'; code: string }
  | { kind: 'erased'; tombstone: Tombstone }

async function refuse(device: Device, jws: string, code: string): Promise<CommandResult> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', utf8Encode(jws)))
  const hash = hexEncode(digest)
  const memory = await readMemory(device)
  if (!memory.refused.includes(hash)) {
    // Recorded first: if we die in between it is reported twice, never not at all.
    await recordRefusal(device, code)
    const refused = [...memory.refused, hash].slice(-REFUSED_KEPT)
    await writeJson(device.ports.store, NAMES.commands, { ...memory, refused })
  }
  return { kind: 'refused', code }
}

async function recordRefusal(device: Device, code: string): Promise<void> {
  try {
    await recordEvent(device, {
      action: 'device.command.refused',
      outcome: 'denied',
      enforcement: 'prevented',
      target: { type: 'device', id: device.identity.deviceId },
      detail: { code },
    })
  } catch (error) {
    // A suspected clone records nothing any more, but still refuses.
    if (!(error instanceof AgentError)) throw error
  }
}

async function remember(device: Device, command: Command): Promise<void> {
  const memory = await readMemory(device)
  const now = formatTime(device.client.serverNow())
  const kept = Object.entries(memory.obeyed).filter(([, expiresAt]) => expiresAt > now)
  const obeyed = Object.fromEntries([...kept, [command.nonce, command.expiresAt]])
  await writeJson(device.ports.store, NAMES.commands, { ...memory, obeyed })
}

async function certify(device: Device, command: Command, result: Receipt['result']): Promise<void> {
  const receipt = {
    commandId: command.id,
    deviceId: command.deviceId,
    nonce: command.nonce,
    result,
    erased: { files: 0, bytes: 0 },
    at: formatTime(device.ports.clock.now()),
  }
  const jws = await signReceipt(receipt, device.signKey, device.identity.keyThumbprint)
  await keepReceipt(device.ports.store, command.id, jws)
}

async function obey(device: Device, command: Command & { type: CommandType }): Promise<CommandResult> {
  const done: CommandResult = { kind: 'done', type: command.type, commandId: command.id }
  switch (command.type) {
    case 'wipe':
      device.lease.drop()
      device.queue.close()
      return { kind: 'erased', tombstone: await wipe(device.ports, command) }
    case 'lock':
      await dropShare(device)
      await certify(device, command, 'locked')
      return done
    case 'refresh-policy':
      await fetchPolicy(device)
      await certify(device, command, 'refreshed')
      return done
  }
}

async function verified(device: Device, jws: string): Promise<(Command & { type: CommandType }) | { code: string }> {
  const { tenantId, deviceId, enrollmentId, serverKeys } = device.identity
  const nowMs = device.client.serverNow()
  try {
    return await verifyCommand(jws, serverKeys, { tenantId, deviceId, enrollmentId, nowMs })
  } catch (error) {
    if (error instanceof DeviceProtocolError) return { code: error.code }
    throw error
  }
}

/**
 * Verifies and obeys one command, once. Its receipt is kept for `sendReceipts`. What cannot be believed is refused and
 * recorded. Throws where obeying failed for now (no network for a policy): the server sends it again.
 */
export async function handleCommand(device: Device, jws: string): Promise<CommandResult> {
  return device.ports.store.exclusive(async () => {
    await expectNotErased(device.ports)
    const command = await verified(device, jws)
    if ('code' in command) return refuse(device, jws, command.code)
    if (await hasReceipt(device.ports.store, command.id)) return { kind: 'repeated', commandId: command.id }
    const { obeyed } = await readMemory(device)
    if (command.nonce in obeyed) return refuse(device, jws, 'replayed')
    const result = await obey(device, command)
    // Died here: the receipt is kept, so the command counts as repeated; what we obey twice is harmless.
    if (result.kind === 'done') await remember(device, command)
    return result
  })
}
