import { afterAll, beforeAll, expect, it } from 'vitest'
import { noCompanion } from '#agent/node/companion.ts'
import { openWorkspace } from '#agent/node/workspace.ts'
import { enrollAgent, freshDirectory } from '#agent/test/agent-process.ts'
import { type Gateway, startGateway } from '#agent/test/gateway.ts'
import { handleCommand } from './commands.ts'
import { loadDevice } from './device.ts'
import { sendReceipts } from './receipts.ts'

let gateway: Gateway
let place: Awaited<ReturnType<typeof freshDirectory>>

beforeAll(async () => {
  gateway = await startGateway()
  place = await freshDirectory(gateway)
  await enrollAgent(gateway, place)
})

afterAll(async () => {
  await gateway.stop()
  await place.remove()
})

it('rounds that begin at the same time hand in each receipt once', async () => {
  const { ports, close } = await openWorkspace(place.dir, { companion: noCompanion })
  const sent: string[] = []
  const device = await loadDevice({
    ...ports,
    transport: {
      ...ports.transport,
      request: (request) => {
        if (request.url.endsWith('/receipt')) sent.push(request.url)
        return ports.transport.request(request)
      },
    },
  })
  const orders = [await gateway.command(gateway.device(), 'lock'), await gateway.command(gateway.device(), 'lock')]
  for (const { jws } of orders) await handleCommand(device, jws)
  const rounds = [1, 2, 3].map(() => sendReceipts(device.ports.store, device.client))
  expect(await Promise.all(rounds)).toEqual([0, 0, 0])
  expect(sent).toHaveLength(2)
  device.queue.close()
  await close()
})
