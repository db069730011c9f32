import type { BrowserAgent, TabNotice } from '#agent/browser/agent.ts'
import type { Tombstone } from '#agent/core/tombstone.ts'
import type { FileEntry } from '#protocol/device/messages.ts'
import type { PolicyBundle } from '#protocol/device/policy-bundle.ts'
import { faultOf } from './faults.ts'
import { type Hold, holdOf } from './standing.ts'

export type Enrolled = {
  phase: 'enrolled'
  deviceId: string
  name: string
  /** Set: nothing is shown. */
  hold: Hold | null
  /** What the server said to whoever holds the device. */
  detail: string | null
  /** Null until the first list has come. */
  files: FileEntry[] | null
  policy: PolicyBundle | null
  /** Whether the server is heard; `lost` after a moment of silence. */
  link: 'connecting' | 'connected' | 'lost'
  /** The last thing that went wrong for another reason than the network. */
  problem: { code: string; detail: string } | null
}

/** What this browser is; the pages draw it. */
export type View =
  | { phase: 'opening' }
  /** The browser keeps nothing for us, or knows no WebCrypto. */
  | { phase: 'unsupported' }
  | { phase: 'new' }
  /** What was stored came without its keys: copied from another browser, or half of it was cleared. */
  | { phase: 'keyless' }
  | { phase: 'erased'; tombstone: Tombstone | null }
  | Enrolled

const LOST_AFTER_MS = 3_000
const AGAIN_AFTER_MS = 5_000

type Options = { origin: string; appVersion: string; openAgent: () => Promise<BrowserAgent> }

/** The device of this browser as the pages see it: one a tab, fed by what the agent notices in any tab. */
export class WorkspaceStore {
  readonly #openAgent: Options['openAgent']
  readonly #listeners = new Set<() => void>()
  #view: View = { phase: 'opening' }
  #agent: BrowserAgent | null = null
  #stop: AbortController | null = null
  #silence: ReturnType<typeof setTimeout> | undefined

  constructor({ openAgent }: Pick<Options, 'openAgent'>) {
    this.#openAgent = openAgent
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  readonly view = (): View => this.#view

  /** The agent, once the page has it. */
  get agent(): BrowserAgent {
    if (!this.#agent) throw new Error('the workspace is not open')
    return this.#agent
  }

  /** Opens the device and stays connected until what it returns is called. */
  start(): () => void {
    let isOver = false
    const ends: (() => void)[] = []
    const open = async () => {
      const agent = await this.#openAgent()
      if (isOver) return agent.close()
      this.#agent = agent
      ends.push(agent.subscribe(this.#hear), () => agent.close())
      await this.#reload()
    }
    open().catch(() => this.#show({ phase: 'unsupported' }))
    return () => {
      isOver = true
      this.#disconnect()
      for (const end of ends) end()
    }
  }

  async enroll(code: string): Promise<void> {
    await this.agent.enroll(code)
    await this.#reload()
  }

  async leave(): Promise<void> {
    this.#disconnect()
    try {
      await this.agent.leave()
    } finally {
      await this.#reload()
    }
  }

  async startOver(): Promise<void> {
    await this.agent.startOver()
    await this.#reload()
  }

  /** Looks again at what is stored and at the server. */
  async retry(): Promise<void> {
    this.#disconnect()
    await this.#reload()
  }

  /** The page is shown again, or the browser was woken. */
  async attend(): Promise<void> {
    if (this.#view.phase === 'enrolled') await this.agent.attend()
  }

  /** The browser itself says that its network is gone, or back. */
  networkIs(isThere: boolean): void {
    this.#change({ link: isThere ? 'connecting' : 'lost' })
  }

  async #reload(): Promise<void> {
    const state = await this.agent.state()
    if (state.state === 'new') return this.#show({ phase: 'new' })
    if (state.state === 'erased') {
      this.#show({ phase: 'erased', tombstone: state.tombstone })
      // Its receipt may still wait for the network.
      if (state.tombstone?.receipt !== 'accepted') this.#connect()
      return
    }
    if (!(await this.#hasKeys())) return this.#show({ phase: 'keyless' })
    const { deviceId, name, standing } = state
    const hold = holdOf(standing)
    const before = this.#view.phase === 'enrolled' ? this.#view : null
    this.#show({
      phase: 'enrolled',
      deviceId,
      name,
      hold,
      detail: standing?.problem?.detail ?? null,
      files: hold ? null : (before?.files ?? null),
      policy: before?.policy ?? null,
      link: before?.link ?? 'connecting',
      problem: null,
    })
    this.#connect()
    if (!hold) await this.#loadPolicy()
  }

  /** Keys that cannot be exported do not travel with a copy of the storage. */
  async #hasKeys(): Promise<boolean> {
    try {
      await this.agent.device()
      return true
    } catch (error) {
      if (faultOf(error)?.code === 'not_enrolled') return false
      throw error
    }
  }

  #connect(): void {
    if (this.#stop) return
    const stop = new AbortController()
    this.#stop = stop
    void this.#stay(stop.signal)
  }

  #disconnect(): void {
    this.#stop?.abort()
    this.#stop = null
    clearTimeout(this.#silence)
  }

  /** One tab of all is connected; the others wait for their turn and hear what it says. */
  async #stay(signal: AbortSignal): Promise<void> {
    void this.#listFirst()
    while (!signal.aborted) {
      try {
        if ((await this.agent.stayConnected(signal)) === 'erased') break
      } catch (error) {
        if (signal.aborted) return
        this.#change({ problem: { code: 'failed', detail: error instanceof Error ? error.message : '' } })
      }
      if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS))
    }
    if (!signal.aborted) {
      this.#stop = null
      await this.#reload()
    }
  }

  /** A tab that is not the connected one has not heard the list. */
  async #listFirst(): Promise<void> {
    const { listFiles } = await import('#agent/core/files.ts')
    try {
      const files = await listFiles(await this.agent.device())
      if (this.#view.phase === 'enrolled' && !this.#view.hold) this.#change({ files })
    } catch {
      // The connection says what is wrong.
    }
  }

  async #loadPolicy(): Promise<void> {
    const { cachedPolicy } = await import('#agent/core/policy.ts')
    const policy = await cachedPolicy(await this.agent.device()).catch(() => null)
    this.#change({ policy })
  }

  readonly #hear = (notice: TabNotice): void => {
    switch (notice.event) {
      case 'connected':
      case 'polling':
        clearTimeout(this.#silence)
        this.#change({ link: 'connected' })
        break
      case 'disconnected':
        clearTimeout(this.#silence)
        this.#silence = setTimeout(() => this.#change({ link: 'lost' }), LOST_AFTER_MS)
        break
      case 'locked':
        this.#hide('blocked')
        break
      case 'command':
        if (notice.result.kind === 'done' && notice.result.type === 'lock') this.#hide('blocked')
        break
      case 'files':
        if (this.#view.phase === 'enrolled' && !this.#view.hold)
          this.#change({ files: notice.files, link: 'connected' })
        break
      case 'policy':
        void this.#loadPolicy()
        break
      case 'status':
        void this.#reload()
        break
      case 'problem':
        this.#onProblem(notice)
        break
      case 'erased':
        this.#show({ phase: 'erased', tombstone: null })
        void this.#reload()
        break
    }
  }

  #onProblem({ code, detail }: { code: string; detail: string }): void {
    if (code === 'offline' || code === 'busy') {
      this.#silence ??= setTimeout(() => this.#change({ link: 'lost' }), LOST_AFTER_MS)
      return
    }
    if (code === 'revoked') this.#hide('blocked')
    else if (code === 'clone_suspected') this.#hide('clone')
    else if (code === 'pending') this.#hide('pending')
    else this.#change({ problem: { code, detail } })
  }

  /** At once: what is on the screen goes before anything else is asked. */
  #hide(hold: Hold): void {
    this.#change({ hold, files: null })
  }

  #change(change: Partial<Omit<Enrolled, 'phase'>>): void {
    if (this.#view.phase === 'enrolled') this.#show({ ...this.#view, ...change })
  }

  #show(view: View): void {
    this.#view = view
    for (const listener of this.#listeners) listener()
  }
}
