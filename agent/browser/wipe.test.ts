import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { handleCommand } from '#agent/core/commands.ts'
import { type Device, loadDevice } from '#agent/core/device.ts'
import { recordEvent } from '#agent/core/events.ts'
import { openDeviceFile } from '#agent/core/files.ts'
import { recordNotice } from '#agent/core/notices.ts'
import type { AgentPorts, KeyRing, Store } from '#agent/core/ports.ts'
import { settleErasure } from '#agent/core/wipe.ts'
import { until } from '#agent/test/agent-process.ts'
import { copyDatabase, dump, useBrowsers } from '#agent/test/browser.ts'
import { type Gateway, startGateway } from '#agent/test/gateway.ts'
import { utf8Encode } from '#lib/bytes.ts'
import type { TabNotice } from './tabs.ts'

vi.setConfig({ testTimeout: 60_000 })

const FILES = 2

let gateway: Gateway
let name: string
let fileId: string

const browsers = useBrowsers(() => gateway)

beforeEach(async () => {
  gateway = await startGateway()
  name = browsers.freshName()
  fileId = gateway.addFile('plan.pdf', utf8Encode('the plan'))
})

afterEach(() => gateway.stop())

async function expectEmpty(databaseName: string): Promise<void> {
  const { blobs, ...rest } = await dump(databaseName)
  expect(blobs?.map(([key]) => key)).toEqual(['tombstone.json'])
  expect(rest).toEqual({ keys: [], events: [], counter: [] })
}

describe('an erasure', () => {
  it('leaves nothing but a tombstone, in every tab', async () => {
    const forget = vi.fn(async () => {
      throw new Error('the push service is away')
    })
    const caches = new Map([
      ['shell', 1],
      ['pages', 1],
    ])
    vi.stubGlobal('caches', { keys: async () => [...caches.keys()], delete: async (key: string) => caches.delete(key) })
    const [one, two] = [await browsers.tab(name, { forget }), await browsers.tab(name)]
    const heard: TabNotice[] = []
    two.subscribe((notice) => heard.push(notice))
    await one.enroll('CODE-1')
    const zombie: Device = await two.device()
    await recordNotice(zombie, { fileId, means: 'copy', obscured: false })
    const running = one.stayConnected(new AbortController().signal)
    await until('the connection', () => gateway.device().stream !== null)
    const { command } = await gateway.command(gateway.device(), 'wipe')
    expect(await running).toBe('erased')
    await until('the other tab', () => heard.some(({ event }) => event === 'erased'))
    expect(gateway.device().receipts).toMatchObject([{ commandId: command.id, result: 'erased', erased: { files: 0 } }])
    await expectEmpty(name)
    expect(forget).toHaveBeenCalled()
    expect(caches.size).toBe(0)
    vi.unstubAllGlobals()

    expect(await two.state()).toMatchObject({ state: 'erased', tombstone: { receipt: 'accepted' } })
    await expect(two.device()).rejects.toMatchObject({ code: 'erased' })
    await expect(two.enroll('CODE-2')).rejects.toMatchObject({ code: 'erased' })
    await expect(recordNotice(zombie, { fileId, means: 'copy', obscured: false })).rejects.toThrow()
    await expect(zombie.ports.store.write('policy.jws', utf8Encode('x'))).rejects.toMatchObject({ code: 'erased' })
    await expectEmpty(name)

    await two.startOver()
    expect(await two.state()).toEqual({ state: 'new' })
    await two.enroll('CODE-2')
    expect(await two.state()).toMatchObject({ state: 'enrolled' })
    await expect(recordNotice(zombie, { fileId, means: 'copy', obscured: false })).rejects.toThrow()
  })

  it('is obeyed by a page that is only woken, and its receipt sent later where the gateway is away', async () => {
    const tab = await browsers.tab(name)
    await tab.enroll('CODE-1')
    const { jws } = await gateway.command(gateway.device(), 'wipe')
    await handleCommand(await loadDevice(tab.ports), jws)
    gateway.state.failing = { code: 'unavailable' }
    const woken = await browsers.tab(name)
    expect(await woken.sync()).toBeNull()
    expect(await woken.state()).toMatchObject({ state: 'erased', tombstone: { receipt: 'waiting' } })
    await expect(woken.startOver()).rejects.toMatchObject({ code: 'erased' })
    expect((await dump(name)).keys?.map(([part]) => part)).toEqual(['signing'])
    gateway.state.failing = null
    await woken.sync()
    expect(gateway.device().receipts).toHaveLength(1)
    await expectEmpty(name)
  })
})

class Crash extends Error {}

/** Dies at one effect on the storage, before it happened or after. */
function crashing(ports: AgentPorts, at: number, when: 'before' | 'after'): AgentPorts {
  let count = 0
  const guarded =
    <A extends unknown[], R>(effect: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      const here = count++
      if (here === at && when === 'before') throw new Crash()
      const result = await effect(...args)
      if (here === at) throw new Crash()
      return result
    }
  const store: Store = {
    ...ports.store,
    write: guarded(ports.store.write),
    remove: guarded(ports.store.remove),
    shred: guarded(ports.store.shred),
    shredFolder: guarded(ports.store.shredFolder),
  }
  const keys: KeyRing = { ...ports.keys, destroy: guarded(ports.keys.destroy) }
  const [destroyQueue, forget] = [guarded(ports.destroyQueue), guarded(ports.forget)]
  return { ...ports, store, keys, destroyQueue, forget }
}

/** Obeys the order in a copy of the browser and dies at one effect; gives whether it did. */
async function wipeAndDie(copy: string, jws: string, at: number, when: 'before' | 'after'): Promise<boolean> {
  await copyDatabase(name, copy)
  const tab = await browsers.tab(copy)
  const ports = crashing(tab.ports, at, when)
  try {
    await handleCommand(await loadDevice(ports), jws)
    await settleErasure(ports)
    return false
  } catch (error) {
    if (!(error instanceof Crash)) throw error
    return true
  } finally {
    tab.close()
  }
}

describe('a crash at any effect of an erasure', () => {
  it.each(['before', 'after'] as const)('%s it is finished by the next tab, with the right receipt', async (when) => {
    gateway.setPolicy(({ devices }) => {
      devices.browser.offlineContent = true
    })
    const tab = await browsers.tab(name)
    await tab.enroll('CODE-1')
    const device = await tab.device()
    await openDeviceFile(device, { fileId, purpose: 'view' })
    await openDeviceFile(device, { fileId: gateway.addFile('b', utf8Encode('b')), purpose: 'view' })
    await recordEvent(device, { action: 'file.copy', outcome: 'allowed' })
    const { jws, command } = await gateway.command(gateway.device(), 'wipe')
    let at = 0
    for (; ; at++) {
      const copy = `${name}-${when}-${at}`
      const died = await wipeAndDie(copy, jws, at, when)
      const next = await browsers.tab(copy)
      await next.sync()
      // Whatever was done twice or not at all before: now it is over.
      await next.sync()
      await expectEmpty(copy)
      const receipt = { commandId: command.id, result: 'erased', erased: { files: FILES } }
      expect(gateway.device().receipts.at(-1)).toMatchObject(receipt)
      next.close()
      if (!died) break
    }
    expect(at).toBeGreaterThan(15)
  })
})
