import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { noCompanion } from '#agent/node/companion.ts'
import { openWorkspace, type Workspace } from '#agent/node/workspace.ts'
import { enrollAgent, freshDirectory } from '#agent/test/agent-process.ts'
import { type Gateway, startGateway } from '#agent/test/gateway.ts'
import { uuidv7 } from '#lib/uuid.ts'
import { generateKeyPair, importSignKey } from '#protocol/device/keys.ts'
import { handleCommand } from './commands.ts'
import { type Device, loadDevice } from './device.ts'
import { flushEvents } from './events.ts'
import { sendReceipts } from './receipts.ts'

let gateway: Gateway
let place: Awaited<ReturnType<typeof freshDirectory>>
let workspace: Workspace
let device: Device

beforeEach(async () => {
  gateway = await startGateway()
  place = await freshDirectory(gateway)
  await enrollAgent(gateway, place)
  workspace = await openWorkspace(place.dir, { companion: noCompanion })
  device = await loadDevice(workspace.ports)
})

afterEach(async () => {
  device.queue.close()
  await workspace.close()
  await gateway.stop()
  await place.remove()
})

const order = (type: string, change = {}, key?: CryptoKey) => gateway.command(gateway.device(), type, change, key)

async function refusals(): Promise<unknown[]> {
  await flushEvents(device)
  return gateway.events(gateway.device()).map((event) => [event.action, event.outcome, event.detail?.code])
}

describe('a command', () => {
  it('locks: the share is gone and the receipt says so', async () => {
    device.lease.keep(new Uint8Array(32).fill(7), 60, device.lease.epoch())
    const { command, jws } = await order('lock')
    expect(await handleCommand(device, jws)).toEqual({ kind: 'done', type: 'lock', commandId: command.id })
    expect(device.lease.share()).toBeNull()
    expect(await sendReceipts(workspace.ports.store, device.client)).toBe(0)
    expect(gateway.device().receipts).toMatchObject([{ commandId: command.id, result: 'locked' }])
  })

  it('is answered again, not obeyed again, while its receipt is unsent', async () => {
    const { command, jws } = await order('lock')
    await handleCommand(device, jws)
    expect(await handleCommand(device, jws)).toEqual({ kind: 'repeated', commandId: command.id })
    expect(await refusals()).toEqual([])
  })

  it('is refused when replayed, and reported once', async () => {
    const { jws } = await order('lock')
    await handleCommand(device, jws)
    await sendReceipts(workspace.ports.store, device.client)
    expect(await handleCommand(device, jws)).toEqual({ kind: 'refused', code: 'replayed' })
    expect(await handleCommand(device, jws)).toEqual({ kind: 'refused', code: 'replayed' })
    expect(await refusals()).toEqual([['device.command.refused', 'denied', 'replayed']])
  })

  it('is remembered by another process', async () => {
    const { jws } = await order('lock')
    await handleCommand(device, jws)
    await sendReceipts(workspace.ports.store, device.client)
    const other = await loadDevice(workspace.ports)
    expect(await handleCommand(other, jws)).toEqual({ kind: 'refused', code: 'replayed' })
    other.queue.close()
  })

  it.each([
    ['wrong_device', { deviceId: uuidv7() }],
    ['wrong_enrollment', { enrollmentId: uuidv7() }],
    ['wrong_tenant', { tenantId: uuidv7() }],
    ['expired', { expiresAt: '2020-01-01T00:00:00.000Z' }],
    ['unsupported_type', { type: 'self-destruct' }],
  ])('%s is refused and reported', async (code, change) => {
    const { jws } = await order('wipe', change)
    expect(await handleCommand(device, jws)).toEqual({ kind: 'refused', code })
    expect(await refusals()).toEqual([['device.command.refused', 'denied', code]])
    expect(await workspace.ports.store.read('keys/secret')).not.toBeNull()
  })

  it('signed by anybody else is refused and reported', async () => {
    const stranger = await generateKeyPair()
    const { jws } = await order('wipe', {}, await importSignKey(stranger.privateJwk))
    expect(await handleCommand(device, jws)).toEqual({ kind: 'refused', code: 'bad_signature' })
    expect(await handleCommand(device, 'rubbish')).toEqual({ kind: 'refused', code: 'malformed' })
    expect(await refusals()).toHaveLength(2)
  })

  it('that cannot be obeyed now leaves no receipt and may come again', async () => {
    const { jws } = await order('refresh-policy')
    gateway.state.failing = { code: 'unavailable' }
    await expect(handleCommand(device, jws)).rejects.toThrow('unavailable')
    gateway.state.failing = null
    expect(await handleCommand(device, jws)).toMatchObject({ kind: 'done' })
  })
})
