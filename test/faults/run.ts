import { setTimeout as sleep } from 'node:timers/promises'
import { seededRandom } from '#lib/seeded-random.ts'
import { mergeIndex, mergesFor } from '#server/audit/index/merge.ts'
import { readShape } from '#server/audit/index/runs.ts'
import { eachMatch } from '#server/audit/matches.ts'
import { pgTransaction } from '#server/kernel/db.ts'
import { isAppError } from '#server/kernel/errors.ts'
import { makePerson, makeTenant } from '#test/made.ts'
import { describeFault, faultsFrom, strike } from './faults.ts'
import { Phone, RARE_EVERY } from './phone.ts'
import type { Random } from './random.ts'
import { Site } from './site.ts'
import { unsoundness } from './sound.ts'

export type RunOptions = {
  /** So many at least, of all devices together. */
  events: number
  phones: number
  /** So many at least; they go on as long as events are recorded. */
  faults: number
  /** Between two faults, when it goes on again: at most. */
  pauseMs: number
  seed: number
  say?: (line: string) => void
}

export type Outcome = {
  events: number
  duplicates: number
  /** How often each happened. */
  faults: Record<string, number>
  /** How often a device was not acknowledged, by what it heard. */
  refused: Record<string, number>
  searches: number
  seconds: number
  /** Empty: everything held. */
  problems: string[]
}

/** Nothing is acknowledged for so long after a fault: it does not go on. */
const DEAD_MS = 120_000

/** Devices send while processes are killed; then what is there is compared with what was acknowledged. */
export async function runFaults(options: RunOptions): Promise<Outcome> {
  const startedMs = performance.now()
  const site = await Site.start()
  try {
    const random = seededRandom(options.seed)
    const tenantId = await makeTenant()
    const owner = await makePerson(tenantId, { role: 'owner', founder: true })
    const phones: Phone[] = []
    for (let number = 1; number <= options.phones; number++)
      phones.push(
        await Phone.enroll(owner, number, { gateways: site.gateways, random: seededRandom(options.seed + number) }),
      )
    const outcome = await new Run(site, tenantId, phones, options).play(random)
    for (const phone of phones) phone.close()
    return { ...outcome, seconds: Math.round((performance.now() - startedMs) / 1000) }
  } finally {
    await site.stop()
  }
}

class Run {
  readonly #site: Site
  readonly #tenantId: string
  readonly #phones: readonly Phone[]
  readonly #options: RunOptions
  readonly #faults: Record<string, number> = {}
  readonly #problems: string[] = []
  #searches = 0
  #struck = 0
  #isOver = false

  constructor(site: Site, tenantId: string, phones: readonly Phone[], options: RunOptions) {
    this.#site = site
    this.#tenantId = tenantId
    this.#phones = phones
    this.#options = options
  }

  async play(random: Random): Promise<Omit<Outcome, 'seconds'>> {
    const sending = this.#phones.map((phone, n) =>
      this.#keepSending(phone, seededRandom(this.#options.seed + 1_000 + n)),
    )
    const searching = this.#keepSearching()
    await this.#wreak(random)
    this.#isOver = true
    await Promise.all(sending)
    await searching
    const events = this.#acknowledged
    this.#say(`${events} events acknowledged, ${this.#struck} faults: comparing`)
    await this.#untilMerged()
    this.#problems.push(
      ...(await unsoundness(
        this.#tenantId,
        this.#phones.map(({ sent }) => sent),
      )),
    )
    const refused: Record<string, number> = {}
    for (const { answers } of this.#phones) {
      this.#problems.push(...answers.wrong)
      for (const [how, count] of Object.entries(answers.refused)) refused[how] = (refused[how] ?? 0) + count
    }
    const duplicates = this.#phones.reduce((sum, { answers }) => sum + answers.duplicates, 0)
    return { events, duplicates, faults: this.#faults, refused, searches: this.#searches, problems: this.#problems }
  }

  get #acknowledged(): number {
    return this.#phones.reduce((sum, { answers }) => sum + answers.acknowledged, 0)
  }

  #say(line: string): void {
    this.#options.say?.(line)
  }

  async #keepSending(phone: Phone, random: Random): Promise<void> {
    const share = Math.ceil(this.#options.events / this.#options.phones)
    while (!this.#isOver) {
      const left = share - phone.recorded
      // Its share is sent and faults are still to come: a little now and then.
      if (left <= 0) await sleep(40)
      await phone.send(left > 0 ? Math.min(left, 1 + Math.floor(random() * 600)) : 1 + Math.floor(random() * 5))
    }
    while (!(await phone.send(0))) await this.#site.isBack
  }

  async #wreak(random: Random): Promise<void> {
    for (const fault of faultsFrom(random)) {
      if (this.#struck >= this.#options.faults && this.#acknowledged >= this.#options.events) return
      await sleep(random() * this.#options.pauseMs)
      const before = this.#acknowledged
      const hasStruck = await strike(this.#site, fault)
      if (hasStruck) {
        this.#struck++
        const name = describeFault(fault)
        this.#faults[name] = (this.#faults[name] ?? 0) + 1
      }
      await this.#site.isBack
      if (!(await this.#goesOn(before))) {
        this.#problems.push(`nothing was acknowledged for ${DEAD_MS} ms after: ${describeFault(fault)}`)
        return
      }
      if (hasStruck) this.#say(`${this.#acknowledged} events, fault ${this.#struck}: ${describeFault(fault)}`)
    }
  }

  async #goesOn(before: number): Promise<boolean> {
    for (const end = performance.now() + DEAD_MS; performance.now() < end; await sleep(20))
      if (this.#acknowledged > before) return true
    return false
  }

  /** A search finds each event that was acknowledged before it began, and none twice, whatever happens to the index meanwhile. */
  async #keepSearching(): Promise<void> {
    while (!this.#isOver) {
      const there = this.#phones.map(({ answers }) => Math.floor(answers.acknowledged / RARE_EVERY))
      try {
        const found = await this.#searchRare()
        this.#searches++
        if (new Set(found).size !== found.length) this.#problems.push('a search found an event twice')
        const least = there.reduce((sum, count) => sum + count, 0)
        if (found.length < least) this.#problems.push(`a search found ${found.length} events of at least ${least}`)
      } catch (error) {
        if (!isAppError(error) || error.code !== 'unavailable') throw error
      }
      await sleep(250)
    }
  }

  async #searchRare(): Promise<number[]> {
    const found: number[] = []
    const ask = { q: 'label:rare', from: undefined, to: undefined, order: 'oldest' } as const
    for await (const { items } of eachMatch(this.#tenantId, ask)) found.push(...items.map(({ index }) => index))
    return found
  }

  /** The worker merges what it was kept from; what it has no time for is merged here. */
  async #untilMerged(): Promise<void> {
    for (let n = 0; n < 600; n++) {
      const shape = await pgTransaction('reader', this.#tenantId, (_client, sql) => readShape(sql, this.#tenantId))
      if (mergesFor(shape?.runs ?? []).length === 0) return
      await sleep(100)
    }
    this.#problems.push('the worker did not merge the index')
    await mergeIndex(this.#tenantId)
  }
}
