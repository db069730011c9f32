import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Device } from '#agent/core/device.ts'
import { flushEvents } from '#agent/core/events.ts'
import { fetchPolicy } from '#agent/core/policy.ts'
import { refreshFiles } from '#agent/core/sync.ts'
import { unlockOnline } from '#agent/core/vault.ts'
import { dump, useBrowsers } from '#agent/test/browser.ts'
import { type Gateway, startGateway } from '#agent/test/gateway.ts'
import { concatBytes } from '#lib/bytes.ts'
import { uuidv7 } from '#lib/uuid.ts'
import type { BrowserAgent } from './agent.ts'
import { listKept, openContent } from './content.ts'

vi.setConfig({ testTimeout: 60_000 })

let gateway: Gateway
let name: string
let tab: BrowserAgent
let device: Device
let fileId: string
const content = new Uint8Array(1_200_000).map((_, n) => n * 7)

const browsers = useBrowsers(() => gateway)

beforeEach(async () => {
  gateway = await startGateway()
  name = browsers.freshName()
  fileId = gateway.addFile('plan.pdf', content, ['secret'])
  tab = await browsers.tab(name)
  await tab.enroll('CODE-1')
  device = await tab.device()
  await refreshFiles(device)
})

afterEach(() => gateway.stop())

async function allow(offlineContent: boolean): Promise<void> {
  gateway.setPolicy(({ devices }) => {
    devices.browser.offlineContent = offlineContent
  })
  await fetchPolicy(device)
}

async function view(session?: string): Promise<Uint8Array> {
  const { chunks } = await openContent(device, { fileId, purpose: 'view', session })
  const parts: Uint8Array[] = []
  for await (const part of chunks()) parts.push(part)
  return concatBytes(...parts)
}

async function storedFiles(): Promise<string[]> {
  return ((await dump(name)).blobs ?? []).map(([key]) => key).filter((key) => key.startsWith('vault/'))
}

const isContent = (bytes: Uint8Array) => Buffer.from(bytes).equals(content)

it('is never stored unless the policy allows it, and asks for no share', async () => {
  expect(isContent(await view())).toBe(true)
  expect(await storedFiles()).toEqual([])
  expect(gateway.state.requests).not.toContain('POST /unlock')
  gateway.state.failing = { code: 'unavailable' }
  await expect(view()).rejects.toMatchObject({ code: 'busy' })
  expect(await listKept(device)).toEqual([])
})

it('is kept where the policy allows it, and opens without the server while the lease lasts, recorded', async () => {
  await allow(true)
  expect(isContent(await view())).toBe(true)
  expect(await storedFiles()).toEqual([0, 1, 'facts', 'parts'].map((part) => `vault/${fileId}.${part}`))
  const stored = Buffer.concat(
    ((await dump(name)).blobs ?? []).map(([, value]) => Buffer.from((value as { bytes: Uint8Array }).bytes)),
  )
  expect(stored.includes(Buffer.from(content.subarray(0, 64)))).toBe(false)
  expect(stored.includes('plan.pdf')).toBe(false)

  gateway.state.failing = { code: 'unavailable' }
  const session = uuidv7()
  expect(isContent(await view(session))).toBe(true)
  expect(await listKept(device)).toMatchObject([{ fileId, name: 'plan.pdf' }])
  const other = await browsers.tab(name)
  await expect(openContent(await other.device(), { fileId, purpose: 'download' })).rejects.toMatchObject({
    code: 'busy',
  })
  expect((await openContent(await other.device(), { fileId, purpose: 'view' })).release.fileId).toBe(fileId)
  gateway.state.failing = null
  await flushEvents(device)
  const seen = { action: 'file.view', outcome: 'allowed', labels: ['secret'], detail: { offline: true } }
  expect(gateway.events(gateway.device())).toMatchObject([{ ...seen, detail: { offline: true, session } }, seen])
})

it('stays shut without the server once no lease lasts', async () => {
  await allow(true)
  await view()
  device.lease.drop()
  gateway.state.failing = { code: 'unavailable' }
  await expect(view()).rejects.toMatchObject({ code: 'locked' })
  await expect(listKept(device)).rejects.toMatchObject({ code: 'locked' })
})

it('is asked of the server again when it answers, and fetched once only', async () => {
  await allow(true)
  await view()
  const chunks = () => gateway.state.requests.filter((request) => request.includes('chunks')).length
  const before = chunks()
  expect(isContent(await view())).toBe(true)
  expect(chunks()).toBe(before)
  expect(gateway.state.requests.filter((request) => request === 'POST /files/:id/releases')).toHaveLength(2)
  expect(gateway.events(gateway.device())).toEqual([])
})

it('goes when the policy says so', async () => {
  await allow(true)
  await view()
  await unlockOnline(device)
  await allow(false)
  await refreshFiles(device)
  expect(await storedFiles()).toEqual([])
})
