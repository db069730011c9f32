import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { recordNotice } from '#agent/core/notices.ts'
import { until } from '#agent/test/agent-process.ts'
import { dump, useBrowsers } from '#agent/test/browser.ts'
import { type Gateway, startGateway } from '#agent/test/gateway.ts'
import { utf8Encode } from '#lib/bytes.ts'
import { uuidv7 } from '#lib/uuid.ts'
import type { BrowserAgent } from './agent.ts'
import type { TabNotice } from './tabs.ts'

vi.setConfig({ testTimeout: 60_000 })

let gateway: Gateway
let name: string
let fileId: string
let stop: AbortController
let staying: Promise<unknown>[]

const browsers = useBrowsers(() => gateway)

beforeEach(async () => {
  gateway = await startGateway()
  name = browsers.freshName()
  fileId = gateway.addFile('plan.pdf', utf8Encode('the plan'), ['secret'])
  stop = new AbortController()
  staying = []
})

afterEach(async () => {
  stop.abort()
  await Promise.all(staying)
  await gateway.stop()
})

/** A tab and what it hears. */
async function openTab(): Promise<{ tab: BrowserAgent; heard: TabNotice[] }> {
  const tab = await browsers.tab(name)
  const heard: TabNotice[] = []
  tab.subscribe((notice) => heard.push(notice))
  return { tab, heard }
}

function stay(tab: BrowserAgent, signal: AbortSignal = stop.signal): Promise<'stopped' | 'erased'> {
  const outcome = tab.stayConnected(AbortSignal.any([stop.signal, signal]))
  staying.push(outcome)
  return outcome
}

const hears = (heard: TabNotice[], event: TabNotice['event']) =>
  until(event, () => heard.some((notice) => notice.event === event))

describe('enrolment', () => {
  it('makes this browser a device', async () => {
    const { tab } = await openTab()
    expect(await tab.state()).toEqual({ state: 'new' })
    await expect(tab.device()).rejects.toMatchObject({ code: 'not_enrolled' })
    const { deviceId } = await tab.enroll('CODE-1')
    expect(deviceId).toBe(gateway.device().id)
    expect(await tab.state()).toMatchObject({ state: 'enrolled', deviceId, standing: { status: 'active' } })
    await expect(tab.enroll('CODE-2')).rejects.toMatchObject({ code: 'already_enrolled' })
    await tab.sync()
    expect(gateway.device().facts).toMatchObject([{ platform: 'browser', appVersion: '0.1.0' }])
  })

  it('may be tried again with the same keys', async () => {
    const { tab } = await openTab()
    await expect(tab.enroll('WRONG')).rejects.toMatchObject({ code: 'refused' })
    const before = await tab.ports.keys.signing()
    await tab.enroll('CODE-1')
    expect(gateway.device().keys.sign).toEqual(before?.publicJwk)
  })

  it('says so where the gateway does not answer', async () => {
    const tab = await browsers.tab(name, { origin: 'https://127.0.0.1:9' })
    await expect(tab.enroll('CODE-1')).rejects.toMatchObject({ code: 'offline' })
  })
})

describe('a tab that stays connected', () => {
  it('tells status and files, and sends what a viewer notices', async () => {
    const { tab, heard } = await openTab()
    await tab.enroll('CODE-1')
    stay(tab)
    await hears(heard, 'files')
    expect(heard).toContainEqual(expect.objectContaining({ event: 'status', status: 'active' }))
    const session = uuidv7()
    const result = await recordNotice(await tab.device(), {
      fileId,
      means: 'printscreen',
      page: 3,
      session,
      obscured: true,
    })
    expect(result).toMatchObject({ outcome: 'allowed', enforcement: 'obscured' })
    await until('the event', () => gateway.device().lines.size === 1)
    expect(gateway.events(gateway.device())).toMatchObject([
      {
        action: 'screenshot.attempt',
        outcome: 'allowed',
        enforcement: 'obscured',
        labels: ['secret'],
        policy: { version: 1, rule: 'data.screenshot' },
        target: { type: 'file', id: fileId },
        detail: { means: 'printscreen', page: 3, session },
      },
    ])
  })

  it('never calls prevented what it only noticed', async () => {
    gateway.setPolicy(({ data }) => {
      data.print.mode = 'block'
      data.copy.mode = 'allow'
      data.screenshot.mode = 'block'
    })
    const { tab } = await openTab()
    await tab.enroll('CODE-1')
    const device = await tab.device()
    const noticed = (means: 'print' | 'copy' | 'drag' | 'shortcut' | 'focus_lost') =>
      recordNotice(device, { fileId, means, obscured: false })
    expect(await noticed('print')).toMatchObject({
      outcome: 'denied',
      enforcement: 'detected',
      policy: { rule: 'data.print' },
    })
    expect(await noticed('copy')).toMatchObject({
      outcome: 'allowed',
      enforcement: 'detected',
      policy: { rule: 'data.copy' },
    })
    expect(await noticed('drag')).toMatchObject({
      outcome: 'allowed',
      enforcement: 'detected',
      policy: { rule: 'data.copy' },
    })
    expect(await noticed('shortcut')).toMatchObject({ outcome: 'allowed', enforcement: 'detected' })
  })

  it('does not call it an attempt when somebody only turned to another window', async () => {
    const { tab } = await openTab()
    await tab.enroll('CODE-1')
    const turned = await recordNotice(await tab.device(), { fileId, means: 'focus_lost', obscured: false })
    expect(turned).toMatchObject({ action: 'file.focus_lost', outcome: 'allowed', enforcement: 'none' })
  })

  it('asks for no share where nothing may be kept, and for one where the policy allows it', async () => {
    const { tab, heard } = await openTab()
    await tab.enroll('CODE-1')
    stay(tab)
    await hears(heard, 'files')
    expect(gateway.state.requests).not.toContain('POST /unlock')
    gateway.setPolicy(({ devices }) => {
      devices.browser.offlineContent = true
    })
    await gateway.command(gateway.device(), 'refresh-policy')
    await until('the share', () => gateway.state.requests.includes('POST /unlock'))
  })

  it('connects anew at once when it is shown after a sleep', async () => {
    const { tab, heard } = await openTab()
    await tab.enroll('CODE-1')
    stay(tab)
    await hears(heard, 'files')
    const connections = () => gateway.state.requests.filter((request) => request === 'GET /commands').length
    await tab.attend()
    expect(connections()).toBe(1)
    // An hour has passed, of which nobody was told.
    const now = Date.now()
    const clock = vi.spyOn(Date, 'now').mockImplementation(() => now + 3_600_000)
    await tab.attend()
    clock.mockRestore()
    await until('the new connection', () => connections() === 2)
    await recordNotice(await tab.device(), { fileId, means: 'copy', obscured: false })
    await until('the event', () => gateway.device().lines.size === 1)
  })

  it('ends where another tab has taken the device out of service', async () => {
    const [one, two] = [await openTab(), await openTab()]
    await one.tab.enroll('CODE-1')
    const outcome = stay(one.tab)
    await hears(one.heard, 'connected')
    vi.spyOn((await two.tab.device()).client, 'leave').mockResolvedValue(undefined)
    await two.tab.leave()
    expect(await outcome).toBe('erased')
    expect(await one.tab.state()).toEqual({ state: 'new' })
  })

  it('hides everything in every tab when it is locked', async () => {
    const [one, two] = [await openTab(), await openTab()]
    await one.tab.enroll('CODE-1')
    stay(one.tab)
    await hears(one.heard, 'connected')
    await gateway.command(gateway.device(), 'lock')
    await Promise.all([hears(one.heard, 'locked'), hears(two.heard, 'locked')])
    await until('the receipt', () => gateway.device().receipts.length === 1)
  })
})

describe('several tabs', () => {
  it('are one device: one is connected and sends for all, the next one when it closes', async () => {
    const [one, two] = [await openTab(), await openTab()]
    await one.tab.enroll('CODE-1')
    const first = new AbortController()
    stay(one.tab, first.signal)
    await hears(one.heard, 'connected')
    stay(two.tab)
    await hears(two.heard, 'status')
    expect(gateway.state.requests.filter((request) => request === 'GET /commands')).toHaveLength(1)
    expect(await two.tab.sync()).toBeNull()
    await recordNotice(await two.tab.device(), { fileId, means: 'copy', obscured: false })
    await recordNotice(await one.tab.device(), { fileId, means: 'print', obscured: false })
    await until('both events', () => gateway.device().lines.size === 2)
    first.abort()
    await until('the second connection', () => gateway.state.requests.filter((r) => r === 'GET /commands').length === 2)
    await recordNotice(await two.tab.device(), { fileId, means: 'drag', obscured: false })
    await until('the third event', () => gateway.device().lines.size === 3)
    expect(gateway.device().revoked).toBe(false)
  })

  it('take the turn from one that was put to sleep', async () => {
    const [one, two] = [await openTab(), await openTab()]
    await one.tab.enroll('CODE-1')
    stay(one.tab)
    await hears(one.heard, 'connected')
    stay(two.tab)
    await two.tab.attend()
    expect(gateway.state.requests.filter((request) => request === 'GET /commands')).toHaveLength(1)
    // A tab asleep answers nobody.
    const asleep = vi.spyOn(BroadcastChannel.prototype, 'postMessage').mockImplementation(() => undefined)
    await two.tab.attend()
    asleep.mockRestore()
    await until('the second connection', () => gateway.state.requests.filter((r) => r === 'GET /commands').length === 2)
  })

  it('lend each other the share while it lasts', async () => {
    gateway.setPolicy(({ devices }) => {
      devices.browser.offlineContent = true
    })
    const [one, two] = [await openTab(), await openTab()]
    await one.tab.enroll('CODE-1')
    stay(one.tab)
    await until('the lease', async () => (await one.tab.device()).lease.leftMs() > 0)
    expect(await two.tab.ports.companion.share()).toEqual(gateway.device().share)
    gateway.device().share = null
    await two.tab.ports.companion.drop()
    await until('the drop', async () => (await one.tab.device()).lease.leftMs() === 0)
    expect(await two.tab.ports.companion.share()).toBeNull()
  })
})

describe('a storage export', () => {
  it('holds nothing that speaks for the device, and no content', async () => {
    const { tab } = await openTab()
    await tab.enroll('CODE-1')
    await tab.sync()
    await recordNotice(await tab.device(), { fileId, means: 'copy', obscured: false })
    const exported = JSON.stringify(await dump(name), (_key, value) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
    )
    expect(exported).toContain(gateway.device().id)
    expect(exported).not.toContain('plan')
    expect(exported).not.toContain('"d":')
  })
})
