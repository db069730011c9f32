import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Logger } from 'pino'
import { type Contact as DeviceContact, recordPresence } from '#server/devices/commands.ts'
import type { DeviceActor } from '#server/kernel/actor.ts'
import { now } from '#server/kernel/clock.ts'
import { isAppError } from '#server/kernel/errors.ts'

const FLUSH_EVERY_MS = 1_000
/** One device is written at most so often. */
const QUIET_MS = 5_000
/** Online after a request; a stream renews it in time. */
const ONLINE_MS = 60_000

/** What one request tells beside the contact itself: its stream has ended, the TLS group as the device sees it, the policy it was given. */
type ContactFacts = { left?: boolean; group?: string | undefined; policyVersion?: number }

type Contact = DeviceContact & { tenantId: string }

/** How a connection was negotiated, taken while it is open. */
export type ConnectionTls = { protocol: string; cipher: string }

export function tlsOf(socket: Socket): ConnectionTls {
  // Injected requests of tests have no TLS beneath.
  if (!(socket instanceof TLSSocket)) return { protocol: '', cipher: '' }
  return { protocol: socket.getProtocol() ?? '', cipher: socket.getCipher()?.standardName ?? '' }
}

/** That a device is gone is shown at once, not when its quiet time is over. */
function hasLeft({ onlineUntil, at }: Contact): boolean {
  return onlineUntil !== undefined && onlineUntil <= at
}

/**
 * Gathers contacts with devices and writes them in one statement an organisation and second. Telemetry: what is lost when the
 * process dies is a few seconds of "last seen".
 */
export class PresenceRecorder {
  readonly #log: Logger
  readonly #waiting = new Map<string, Contact>()
  readonly #written = new Map<string, number>()
  readonly #timer: NodeJS.Timeout
  #flushing: Promise<void> = Promise.resolve()

  constructor(log: Logger) {
    this.#log = log
    this.#timer = setInterval(() => this.#next(false), FLUSH_EVERY_MS)
    this.#timer.unref()
  }

  /** A device spoke, or its stream still stands; with `left` its stream has ended. */
  seen(actor: DeviceActor, tls: ConnectionTls, { left = false, group, policyVersion }: ContactFacts = {}): void {
    const at = now()
    const key = `${actor.tenantId} ${actor.deviceId}`
    const before = this.#waiting.get(key)
    this.#waiting.set(key, {
      tenantId: actor.tenantId,
      deviceId: actor.deviceId,
      at,
      address: actor.address,
      tlsProtocol: tls.protocol,
      tlsCipher: tls.cipher,
      tlsGroup: group ?? before?.tlsGroup,
      policyVersion: policyVersion ?? before?.policyVersion,
      onlineUntil: left ? at : new Date(at.getTime() + ONLINE_MS),
    })
  }

  /** Writes what waits, for a stop. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#next(true)
    await this.#flushing
  }

  #next(all: boolean): void {
    this.#flushing = this.#flushing.then(() => this.#flush(all))
  }

  async #flush(all: boolean): Promise<void> {
    const nowMs = performance.now()
    const due = [...this.#waiting].filter(
      ([key, contact]) => all || hasLeft(contact) || nowMs - (this.#written.get(key) ?? -QUIET_MS) >= QUIET_MS,
    )
    const tenants = new Map<string, Contact[]>()
    for (const [key, contact] of due) {
      this.#waiting.delete(key)
      // Put at the end: the map stays in order of writing.
      this.#written.delete(key)
      this.#written.set(key, nowMs)
      tenants.set(contact.tenantId, [...(tenants.get(contact.tenantId) ?? []), contact])
    }
    for (const [tenantId, contacts] of tenants) await this.#write(tenantId, contacts)
    for (const [key, atMs] of this.#written) {
      if (nowMs - atMs < QUIET_MS) break
      this.#written.delete(key)
    }
  }

  async #write(tenantId: string, contacts: readonly Contact[]): Promise<void> {
    try {
      await recordPresence(tenantId, contacts)
    } catch (error) {
      for (const contact of contacts) {
        const key = `${tenantId} ${contact.deviceId}`
        if (!this.#waiting.has(key)) this.#waiting.set(key, contact)
      }
      const level = isAppError(error) && error.code === 'unavailable' ? 'debug' : 'error'
      this.#log[level]({ err: error }, 'contacts could not be recorded')
    }
  }
}
