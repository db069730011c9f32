import { type Device, loadDevice } from '#agent/core/device.ts'
import { enroll as enrollDevice } from '#agent/core/enroll.ts'
import { AgentError, isRevoked, toAgentError } from '#agent/core/errors.ts'
import { NAMES, readIdentity } from '#agent/core/identity.ts'
import { fetchPolicy } from '#agent/core/policy.ts'
import type { AgentPorts } from '#agent/core/ports.ts'
import { run } from '#agent/core/run.ts'
import { type SyncResult, syncOnce } from '#agent/core/sync.ts'
import { systemClock } from '#agent/core/system-clock.ts'
import { erasedError, isErased, readTombstone } from '#agent/core/tombstone.ts'
import { createWaker } from '#agent/core/waker.ts'
import { resumeErasure, settleUntil } from '#agent/core/wipe.ts'
import { browserFacts } from './browser-facts.ts'
import { createCryptoKeyRing } from './crypto-key-ring.ts'
import { openDatabase } from './database.ts'
import { emptyDatabase, forgetAll } from './erasure.ts'
import { createFetchTransport } from './fetch-transport.ts'
import { destroyIdbQueue, openIdbQueue } from './idb-queue.ts'
import { createIdbStore } from './idb-store.ts'
import { type BrowserState, stateOf } from './state.ts'
import { joinTabs, type TabNotice } from './tabs.ts'
import { createTurns } from './turns.ts'

export type { TabNotice } from './tabs.ts'

export type BrowserAgentOptions = {
  /** Origin under which `/device/v1` answers, such as `https://console.example`: no path. */
  origin: string
  /** Name of the IndexedDB database; another one is another device. */
  databaseName?: string
  /** Version of the page, as the facts tell it. */
  appVersion: string
  /** Destroys what the page keeps elsewhere (a push subscription, local storage) when the device is erased. */
  forget?: () => Promise<void>
  /** In place of the runtime's own. */
  fetch?: typeof fetch
}

export type BrowserAgent = {
  ports: AgentPorts
  state(): Promise<BrowserState>
  /** Trades a code for an identity. Throws AgentError `already_enrolled`, `erased`, or what the gateway says. */
  enroll(code: string): Promise<{ deviceId: string; status: string }>
  /** The enrolled device, the same one each time; also for `listFiles`, `openRelease`, `recordNotice`. Throws `erased`, `not_enrolled`. */
  device(): Promise<Device>
  /** What happens to the device, in whichever tab it is noticed. Gives what ends the subscription. */
  subscribe(listener: (notice: TabNotice) => void): () => void
  /** Stays connected for all tabs, as soon as it is this one's turn, until the signal or an erasure (its receipt sent, storage emptied). */
  stayConnected(signal: AbortSignal): Promise<'stopped' | 'erased'>
  /** The page is shown again: takes over from a tab that the system has put to sleep, and sends what waits. */
  attend(): Promise<void>
  /** One round without staying, such as on a push message; null where another tab is connected anyway. */
  sync(): Promise<SyncResult | null>
  /**
   * Removes this device at its person's wish: the server is told first, then everything here is destroyed. Throws AgentError
   * `offline` where the server cannot be told; nothing is destroyed then.
   */
  leave(): Promise<void>
  /** After an erasure whose receipt the server has: forgets the tombstone, so that this browser may enrol again. */
  startOver(): Promise<void>
  close(): void
}

/** How long the server may be silent before a page that is shown again no longer trusts the connection; it comments every 15 s. */
const QUIET_MS = 20_000

/** A page over plain HTTP, or a browser of many years. */
function expectSupport(): void {
  const missing = [
    ...(globalThis.crypto?.subtle ? [] : ['WebCrypto']),
    ...(globalThis.navigator?.locks ? [] : ['Web Locks']),
    ...(globalThis.indexedDB ? [] : ['IndexedDB']),
  ]
  if (missing.length > 0) throw new AgentError('storage', `Here is no ${missing.join(' and no ')}: HTTPS is needed.`)
}

/** This browser as a device. All tabs of an origin that name the same database are one device. */
export async function openBrowserAgent(options: BrowserAgentOptions): Promise<BrowserAgent> {
  expectSupport()
  const { origin, databaseName = 'gatehouse', appVersion } = options
  const nameOf = (part: string) => `gatehouse/${databaseName}/${part}`
  const clock = systemClock
  const database = openDatabase(databaseName)
  const turns = createTurns(nameOf('turn'))
  const events = createWaker(clock)
  const listeners = new Set<(notice: TabNotice) => void>()
  let opened: Promise<Device> | null = null
  let lease: Device['lease'] | null = null
  let connection: AbortController | null = null
  let heardAt = 0

  function hear(notice: TabNotice): void {
    if (notice.event === 'erased') close()
    for (const listener of listeners) listener(notice)
  }

  const tabs = joinTabs(nameOf('tabs'), clock, {
    share: () => lease?.share() ?? null,
    isRunner: turns.isMine,
    poke: events.wake,
    drop() {
      lease?.drop()
      hear({ event: 'locked' })
    },
    notice: hear,
  })

  const store = createIdbStore(database, nameOf('store'))
  const ports: AgentPorts = {
    store,
    keys: createCryptoKeyRing(database),
    clock,
    companion: tabs,
    transport: createFetchTransport({
      fetch: options.fetch,
      onHeard: () => {
        heardAt = clock.now()
      },
    }),
    openQueue: (cipher) => openIdbQueue(database, nameOf('queue'), cipher),
    destroyQueue: () => destroyIdbQueue(database),
    forget: () => forgetAll(options.forget),
  }

  /** What was opened is of no use any more. */
  function close(): void {
    connection?.abort()
    lease?.drop()
    lease = null
    opened = null
  }

  async function open(): Promise<Device> {
    await resumeErasure(ports)
    const loaded = await loadDevice(ports)
    // An updated browser shows at the next check-in.
    const facts = await browserFacts(appVersion)
    lease = loaded.lease
    return { ...loaded, identity: { ...loaded.identity, facts } }
  }

  async function device(): Promise<Device> {
    opened ??= open()
    try {
      return await opened
    } catch (error) {
      opened = null
      throw error
    }
  }

  /** Sends the receipt; then the last that is left goes, too. */
  async function settle(signal: AbortSignal): Promise<void> {
    tabs.tell({ event: 'erased' })
    const tombstone = await settleUntil(ports, signal)
    if (tombstone && tombstone.receipt !== 'waiting') await emptyDatabase(database)
  }

  async function work(signal: AbortSignal): Promise<'stopped' | 'erased'> {
    for (;;) {
      await resumeErasure(ports)
      if (await isErased(ports)) break
      // Another tab has taken the device out of service.
      if (!(await readIdentity(store))) return 'erased'
      connection = new AbortController()
      const until = AbortSignal.any([signal, connection.signal])
      await run(await device(), { signal: until, notify: tabs.tell, events })
      if (signal.aborted && !(await isErased(ports))) return 'stopped'
    }
    await settle(signal)
    return 'erased'
  }

  /** A phone that slept finds out late that its connection is gone, and a page that was offline waits longer and longer. */
  function renewConnection(): void {
    if (Math.abs(clock.now() - heardAt) > QUIET_MS) connection?.abort()
  }

  async function enroll(code: string): Promise<{ deviceId: string; status: string }> {
    const tombstone = await readTombstone(store)
    if (tombstone) throw erasedError(tombstone.erasedAt)
    try {
      const facts = await browserFacts(appVersion)
      // Asked for in vain where the browser decides by itself: then it may clear our storage when it runs short.
      // Not waited for: some browsers ask the person.
      navigator.storage?.persist?.().catch(() => false)
      const { deviceId, status } = await enrollDevice(ports, { gatewayUrl: origin, code, facts })
      // Enrolled is enrolled: the first check-in brings the policy where this does not.
      await fetchPolicy(await device()).catch(() => null)
      return { deviceId, status }
    } catch (error) {
      throw toAgentError(error)
    }
  }

  /** Whether a tab is connected and awake. */
  const isConnected = async () => (await turns.isTaken()) && (await tabs.runnerAnswers())

  async function sync(): Promise<SyncResult | null> {
    if (await isConnected()) return null
    await resumeErasure(ports)
    const result = (await isErased(ports)) ? null : await syncOnce(await device())
    if (result === null || result.status === 'wiped') await settle(AbortSignal.abort())
    return result
  }

  async function startOver(): Promise<void> {
    const tombstone = await readTombstone(store)
    if (tombstone?.receipt === 'waiting') throw new AgentError('erased', 'The receipt of the erasure is not sent yet.')
    if (tombstone) await store.remove(NAMES.tombstone)
  }

  async function leave(): Promise<void> {
    try {
      await (await device()).client.leave()
    } catch (error) {
      // It was taken out of service already, or its keys are lost: what is left is here.
      const isGone = isRevoked(error) || (error instanceof AgentError && error.code === 'not_enrolled')
      if (!isGone) throw toAgentError(error)
    }
    close()
    await forgetAll(options.forget)
    await emptyDatabase(database)
    tabs.tell({ event: 'erased' })
  }

  return {
    ports,
    state: () => stateOf(ports),
    enroll,
    device,
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    stayConnected: async (signal) => (await turns.take(signal, work)) ?? 'stopped',
    async attend() {
      if (turns.isMine()) renewConnection()
      else if (!(await isConnected())) turns.seize()
      events.wake()
    },
    sync,
    leave,
    startOver,
    close() {
      close()
      tabs.close()
      database.close()
    },
  }
}
