import type { IncomingMessage, ServerResponse } from 'node:http'
import { uuidv7 } from '#lib/uuid.ts'
import { type Command, commandNonce, signCommand } from '#protocol/device/commands.ts'
import { importVerifyKey } from '#protocol/device/keys.ts'
import { verifyReceipt } from '#protocol/device/receipts.ts'
import { bodyOf, type KnownDevice, Problem, type Side } from './state.ts'

export function stream(device: KnownDevice, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  response.write(': hello\n\n')
  for (const { command, jws } of device.waiting.values()) {
    response.write(`id: ${command.id}\nevent: command\ndata: ${jws}\n\n`)
  }
  device.stream = response
  response.on('close', () => {
    if (device.stream === response) device.stream = null
  })
}

export async function takeReceipt(device: KnownDevice, commandId: string, request: IncomingMessage) {
  const jws = await bodyOf(request)
  const waiting = device.waiting.get(commandId)
  if (!waiting) {
    if (device.receipts.some((receipt) => receipt.commandId === commandId)) return { state: 'known' }
    throw new Problem('not_found')
  }
  const { nonce } = waiting.command
  const key = await importVerifyKey(device.keys.sign)
  device.receipts.push(await verifyReceipt(jws, key, { commandId, deviceId: device.id, nonce }))
  device.waiting.delete(commandId)
  return { state: 'taken' }
}

/** Signs a command and hands it to the device at once where it listens. */
export async function command(
  side: Side,
  device: KnownDevice,
  type: string,
  change: Partial<Command> = {},
  key = side.key.sign,
) {
  const { state, now } = side
  const { tenantId } = state
  const made: Command = {
    id: uuidv7(),
    tenantId,
    deviceId: device.id,
    enrollmentId: device.enrollmentId,
    type,
    args: type === 'wipe' ? { wipeId: uuidv7(), scope: 'organisation-data' } : {},
    issuedAt: new Date(now()).toISOString(),
    expiresAt: new Date(now() + 86_400_000).toISOString(),
    nonce: commandNonce(),
    ...change,
  }
  const jws = await signCommand(made, key, side.key.kid)
  push(device, made, jws)
  return { command: made, jws }
}

export function push(device: KnownDevice, made: Command, jws: string): void {
  device.waiting.set(made.id, { command: made, jws })
  device.stream?.write(`id: ${made.id}\nevent: command\ndata: ${jws}\n\n`)
}
