import type { ServerResponse } from 'node:http'
import type { Logger } from 'pino'
import type { WaitingCommand } from '#server/devices/commands.ts'
import { FILES_TOPIC } from '#server/devices/schema.ts'
import type { DeviceActor } from '#server/kernel/actor.ts'
import { isAppError } from '#server/kernel/errors.ts'
import type { Change } from '#server/kernel/notify.ts'

/** Where the commands come from: the devices domain. */
export type CommandSource = {
  waiting: (actor: DeviceActor) => Promise<WaitingCommand[]>
  /** Called with what has left for the device. */
  delivered: (actor: DeviceActor, commands: readonly WaitingCommand[]) => Promise<void>
  /** False once the device has nothing more to hear on this enrolment: retired, or enrolled anew. */
  isCurrent: (actor: DeviceActor) => Promise<boolean>
}

/** Devices drop a connection after 45 s of silence (docs/reference/device-protocol.md). */
const HEARTBEAT_SECONDS = 15
/** Missed wake-ups (a lost listener, a slow commit) are made good by looking again now and then. */
const LOOK_AGAIN_MS = 120_000
const LOOKS_AT_ONCE = 4
/** Connections of one device that wait for commands, of a kind: the agent's, and one that it has lost and not noticed. A newer one ends the oldest. */
const PER_DEVICE = 3

type Stream = {
  actor: DeviceActor
  response: ServerResponse
  sent: Set<string>
  slot: number
  lookedAtMs: number
  isQueued: boolean
  onBeat: () => void
}

/** The open event streams and long polls of all devices on this gateway. */
export class CommandStreams {
  readonly #source: CommandSource
  readonly #log: Logger
  /** By `tenant device`. */
  readonly #streams = new Map<string, Set<Stream>>()
  readonly #waiters = new Map<string, Set<(mayGoOn?: boolean) => void>>()
  readonly #queue: Stream[] = []
  readonly #timer: NodeJS.Timeout
  #looking = 0
  #opened = 0
  #beat = 0
  #isClosed = false

  constructor(source: CommandSource, log: Logger) {
    this.#source = source
    this.#log = log
    this.#timer = setInterval(() => this.#heartbeat(), 1_000)
    this.#timer.unref()
  }

  get size(): number {
    return this.#opened
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Serves a response as the device's event stream until either side ends it. `onBeat` is called with every heartbeat. */
  open(
    actor: DeviceActor,
    response: ServerResponse,
    headers: Record<string, string>,
    { onBeat, onEnd }: { onBeat: () => void; onEnd: () => void },
  ): void {
    const stream: Stream = {
      actor,
      response,
      sent: new Set(),
      slot: this.#opened % HEARTBEAT_SECONDS,
      lookedAtMs: 0,
      isQueued: false,
      onBeat,
    }
    const key = keyOf(actor.tenantId, actor.deviceId)
    const streams = this.#streams.get(key) ?? new Set()
    const [oldest] = streams
    if (oldest && streams.size >= PER_DEVICE) {
      streams.delete(oldest)
      oldest.response.end(': replaced\n\n')
    }
    this.#streams.set(key, streams.add(stream))
    this.#opened++
    response.once('close', () => {
      streams.delete(stream)
      if (streams.size === 0 && this.#streams.get(key) === streams) this.#streams.delete(key)
      this.#opened--
      if (streams.size === 0) onEnd()
    })
    response.on('error', () => response.destroy())
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      ...headers,
    })
    response.write(': connected\n\n')
    this.#look(stream)
  }

  /** Resolves when something may wait for the device, after `timeoutMs`, or when `signal` aborts; false: a newer poll took its place. */
  nextWake(actor: DeviceActor, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    const key = keyOf(actor.tenantId, actor.deviceId)
    return new Promise((resolve) => {
      const waiters = this.#waiters.get(key) ?? new Set()
      const done = (mayGoOn = true) => {
        clearTimeout(timer)
        signal.removeEventListener('abort', aborted)
        waiters.delete(done)
        if (waiters.size === 0 && this.#waiters.get(key) === waiters) this.#waiters.delete(key)
        resolve(mayGoOn)
      }
      const aborted = () => done()
      const timer = setTimeout(done, timeoutMs)
      signal.addEventListener('abort', aborted, { once: true })
      const [oldest] = waiters
      if (oldest && waiters.size >= PER_DEVICE) oldest(false)
      this.#waiters.set(key, waiters.add(done))
    })
  }

  /** For `listenForChanges`. */
  readonly onChange = (change: Change | 'reconnected'): void => {
    if (change === 'reconnected') {
      for (const key of [...this.#streams.keys(), ...this.#waiters.keys()]) this.#wake(key)
      return
    }
    for (const topic of change.topics) {
      if (topic.startsWith('device:')) this.#wake(keyOf(change.tenantId, topic.slice('device:'.length)))
      if (topic.startsWith(FILES_TOPIC)) this.#tellFiles(change.tenantId, topic.slice(FILES_TOPIC.length))
    }
  }

  /** That the files of a person, or of `everyone`, have changed: their devices ask for the list anew. Says nothing of the files. */
  #tellFiles(tenantId: string, personId: string): void {
    for (const streams of this.#streams.values()) {
      for (const { actor, response } of streams) {
        if (actor.tenantId !== tenantId || (personId !== 'everyone' && actor.personId !== personId)) continue
        if (!response.destroyed && !response.writableEnded) response.write('event: files\ndata: changed\n\n')
      }
    }
  }

  /** Ends every stream and poll; the devices connect again. */
  close(): void {
    this.#isClosed = true
    clearInterval(this.#timer)
    for (const streams of this.#streams.values()) for (const { response } of streams) response.end(': bye\n\n')
    for (const waiters of this.#waiters.values()) for (const done of [...waiters]) done()
  }

  #wake(key: string): void {
    for (const stream of this.#streams.get(key) ?? []) this.#look(stream)
    for (const done of [...(this.#waiters.get(key) ?? [])]) done()
  }

  /** Few at a time: after a restart thousands of devices ask at once, and requests come first. */
  #look(stream: Stream): void {
    if (stream.isQueued) return
    stream.isQueued = true
    this.#queue.push(stream)
    if (this.#looking < LOOKS_AT_ONCE) void this.#work()
  }

  async #work(): Promise<void> {
    this.#looking++
    for (let stream = this.#queue.shift(); stream; stream = this.#queue.shift()) {
      // From here on a wake means another look.
      stream.isQueued = false
      await this.#serve(stream)
    }
    this.#looking--
  }

  async #serve(stream: Stream): Promise<void> {
    const { actor, response, sent } = stream
    if (response.destroyed || response.writableEnded) return
    stream.lookedAtMs = performance.now()
    try {
      const [items, isCurrent] = await Promise.all([this.#source.waiting(actor), this.#source.isCurrent(actor)])
      const fresh = items.filter(({ id }) => !sent.has(id))
      for (const { id } of fresh) sent.add(id)
      if (fresh.length > 0) {
        await written(response, fresh.map(({ id, jws }) => `id: ${id}\nevent: command\ndata: ${jws}\n\n`).join(''))
        // Dying before this: they count as waiting and are sent again on the next stream.
        await this.#source.delivered(actor, fresh)
      }
      if (!isCurrent) response.end()
    } catch (error) {
      const level = isAppError(error) ? 'debug' : 'error'
      this.#log[level]({ err: error }, 'a stream could not be served')
      // The device connects again and is told what was missed; meanwhile its pause is our relief.
      response.end()
    }
  }

  #heartbeat(): void {
    const slot = this.#beat++ % HEARTBEAT_SECONDS
    const nowMs = performance.now()
    for (const streams of this.#streams.values()) {
      for (const stream of streams) {
        if (stream.slot !== slot) continue
        stream.response.write(':\n\n')
        stream.onBeat()
        if (nowMs - stream.lookedAtMs > LOOK_AGAIN_MS) this.#look(stream)
      }
    }
  }
}

/** Resolves when the bytes are with the operating system. */
function written(response: ServerResponse, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    response.write(text, (error) => (error ? reject(error) : resolve()))
    response.once('close', resolve)
  })
}

function keyOf(tenantId: string, deviceId: string): string {
  return `${tenantId} ${deviceId}`
}
