import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { until } from '#agent/test/agent-process.ts'
import { fetchTrusting, useBrowsers } from '#agent/test/browser.ts'
import { type Gateway, startGateway } from '#agent/test/gateway.ts'
import { wake } from './worker.ts'

vi.setConfig({ testTimeout: 60_000 })

let gateway: Gateway
let name: string
const browsers = useBrowsers(() => gateway)

beforeEach(async () => {
  gateway = await startGateway()
  name = browsers.freshName()
})

afterEach(() => gateway.stop())

/** A push message for the service worker of one browser. */
async function push() {
  const { fetch, close } = fetchTrusting(gateway.ca)
  const forget = vi.fn(async () => undefined)
  const result = await wake({ origin: gateway.url, databaseName: name, appVersion: '0.1.0', fetch, forget })
  await close()
  return { ...result, forgot: forget.mock.calls.length > 0 }
}

it('erases the device while no page is open', async () => {
  const tab = await browsers.tab(name)
  await tab.enroll('CODE-1')
  tab.close()
  expect(await push()).toEqual({ did: 'synced', forgot: false })
  const { command } = await gateway.command(gateway.device(), 'wipe')
  expect(await push()).toMatchObject({ did: 'erased', tombstone: { receipt: 'accepted' }, forgot: true })
  expect(gateway.device().receipts).toMatchObject([{ commandId: command.id, result: 'erased' }])
  expect(await push()).toMatchObject({ did: 'erased' })
})

it('leaves it to a page that is connected, and does nothing in a browser that is no device', async () => {
  expect(await push()).toEqual({ did: 'nothing', forgot: false })
  const tab = await browsers.tab(name)
  await tab.enroll('CODE-1')
  const stop = new AbortController()
  const staying = tab.stayConnected(stop.signal)
  await until('the connection', () => gateway.device().stream !== null)
  expect(await push()).toEqual({ did: 'nothing', forgot: false })
  stop.abort()
  await staying
})
