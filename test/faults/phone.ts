import { setTimeout as sleep } from 'node:timers/promises'
import { eventLines, ProtocolDevice } from '#gateway/test/protocol-device.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { oneOf, type Random } from './random.ts'
import type { Address } from './site.ts'
import { eventIdOf, type Sent } from './sound.ts'

/** Every so many events one has the label `rare`: what a search looks for while the log grows. */
export const RARE_EVERY = 500
/** As many lines as the gateway takes at once, and as the agent sends. */
const MOST_AT_ONCE = 5_000
/** Longer than the agent waits for an answer. */
const STUCK_MS = 60_000

/** What the answers to one device were, so far. */
export type Answers = { acknowledged: number; duplicates: number; refused: Record<string, number>; wrong: string[] }

/**
 * A device that records events and sends what was not acknowledged, again and again with the same bytes, as the agent does; after
 * each failure to whichever gateway it finds. A line leaves its queue only when it is acknowledged.
 */
export class Phone {
  readonly answers: Answers = { acknowledged: 0, duplicates: 0, refused: {}, wrong: [] }
  recorded = 0
  readonly #device: ProtocolDevice
  readonly #number: number
  readonly #address: Address
  readonly #gateways: readonly Address[]
  readonly #random: Random
  readonly #startMs = Date.now()

  private constructor(made: { device: ProtocolDevice; number: number; address: Address; options: PhoneOptions }) {
    this.#device = made.device
    this.#number = made.number
    this.#address = made.address
    this.#gateways = made.options.gateways
    this.#random = made.options.random
  }

  static async enroll(owner: PersonActor, number: number, options: PhoneOptions): Promise<Phone> {
    const address = { ...oneOf(options.gateways, options.random) }
    return new Phone({ device: await ProtocolDevice.enroll(address, owner), number, address, options })
  }

  get sent(): Sent {
    return { deviceId: this.#device.id, acknowledged: this.answers.acknowledged, recorded: this.recorded }
  }

  /** Records up to `most` events and sends all that waits. False when that was in vain: nobody may have heard, or somebody has. */
  async send(most: number): Promise<boolean> {
    const waiting = this.recorded - this.answers.acknowledged
    this.recorded += Math.min(most, MOST_AT_ONCE - waiting)
    const first = this.answers.acknowledged + 1
    const count = this.recorded - this.answers.acknowledged
    if (count === 0) return true
    const body = eventLines(first, count, (seq) => this.#eventOf(seq))
    const call = this.#device.call({ method: 'POST', path: '/events', body, type: 'application/x-ndjson' })
    const timer = new AbortController()
    const late = sleep(STUCK_MS, null, { signal: timer.signal }).catch(() => null)
    const answer = await Promise.race([call.catch(() => 'no answer' as const), late])
    timer.abort()
    if (answer === null) this.answers.wrong.push(`no answer within ${STUCK_MS} ms`)
    else if (answer !== 'no answer' && answer.status === 200) return this.#accept(answer.json)
    this.#refuse(answer === null || answer === 'no answer' ? 'no answer' : `${answer.status} ${answer.json.code}`)
    this.#address.url = oneOf(this.#gateways, this.#random).url
    await sleep(50 + this.#random() * 200)
    return false
  }

  #accept(json: Record<string, unknown>): true {
    const { acceptedThrough, duplicates, rejected } = json
    if (acceptedThrough !== this.recorded || (rejected as unknown[]).length > 0)
      this.answers.wrong.push(`sent through ${this.recorded}, answered ${JSON.stringify(json).slice(0, 300)}`)
    this.answers.acknowledged = Math.min(Number(acceptedThrough), this.recorded)
    this.answers.duplicates += Number(duplicates)
    return true
  }

  #refuse(how: string): void {
    this.answers.refused[how] = (this.answers.refused[how] ?? 0) + 1
    // A dead gateway does not answer, one without its database says so; anything else is a fault of ours.
    if (how !== 'no answer' && !how.startsWith('503 ')) this.answers.wrong.push(`answered ${how}`)
  }

  #eventOf(seq: number): object {
    const labels = seq % RARE_EVERY === 0 ? ['internal', 'rare'] : ['internal']
    return { id: eventIdOf(this.#number, seq), at: new Date(this.#startMs + seq).toISOString(), labels }
  }

  close(): void {
    this.#device.close()
  }
}

export type PhoneOptions = { gateways: readonly Address[]; random: Random }
