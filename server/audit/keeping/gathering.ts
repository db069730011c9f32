import 'server-only'
import { createHash, type Hash } from 'node:crypto'
import { uuidv7 } from '#lib/uuid.ts'
import { ifAlone } from '#server/kernel/alone.ts'
import { now } from '#server/kernel/clock.ts'
import { pgTransaction, readTransaction } from '#server/kernel/db.ts'
import { type Head, tileReader } from '../tree.ts'
import { checkLog } from '../witness/check-log.ts'
import { addLeaves } from './certificate.ts'
import { type Hold, holdsInForce } from './holds.ts'
import type { ExpiredPage } from './plan.ts'
import type { PlannedPurge } from './purge-record.ts'
import type { ExpiredEntry } from './remove.ts'
import { keepingRun, readRevision, readRules } from './rules.ts'
import type { KeepingClass, RetentionRules } from './schema.ts'

/** Entries of one purge, about: what is removed in one transaction and stands in one certificate. */
export const PURGE_EVENTS = 50_000

/** Runs alone for an organisation: one purge, erasure or archiving at a time; whoever comes second gets null and has nothing to do. */
export function alone<T>(tenantId: string, run: () => Promise<T>): Promise<T | null> {
  return ifAlone(keepingRun(tenantId), run)
}

export type Situation = {
  tenantId: string
  rules: RetentionRules
  holds: readonly Hold[]
  revision: number
  head: Head
  signed: { size: number; note: string }
}

/** Rules, holds and the signed size as they are now; null while the log is not the one that was signed. */
export async function readSituation(tenantId: string): Promise<Situation | null> {
  return readTransaction(tenantId, async ({ sql }) => {
    const { state, head, stored: signed } = await checkLog(sql, tenantId)
    if (state !== 'ok' || !signed) return null
    const revision = await readRevision(sql, tenantId)
    const [rules, holds] = [await readRules(sql, tenantId), await holdsInForce(sql, tenantId)]
    return { tenantId, rules, holds, revision, head, signed }
  })
}

export type Place = Pick<ExpiredEntry, 'index' | 'at'>

export type Step = { planned: PlannedPurge | null; last: Place; isLast: boolean }

/** What one purge removes, page by page as it is planned. */
export class Gathering {
  readonly #situation: Situation
  readonly #rule: { class: KeepingClass; days: number }
  readonly #removed: number[] = []
  readonly #held: number[] = []
  readonly #kept = new Map<string, number>()
  readonly #hash: Hash = createHash('sha256')
  #first: Place | null = null
  #lastGone: Place | null = null
  #last: Place | null = null

  constructor(situation: Situation, rule: { class: KeepingClass; days: number }) {
    this.#situation = situation
    this.#rule = rule
  }

  get events(): number {
    return this.#removed.length
  }

  async add({ entries, held, isHeld }: ExpiredPage): Promise<void> {
    const { tenantId, head } = this.#situation
    const going = entries.filter(({ index }) => !isHeld(index))
    await pgTransaction('reader', tenantId, (_client, sql) =>
      addLeaves(this.#hash, going, tileReader(sql, tenantId, head)),
    )
    for (const { index } of going) this.#removed.push(index)
    for (const { index } of entries) if (isHeld(index)) this.#held.push(index)
    for (const [id, kept] of held) this.#kept.set(id, (this.#kept.get(id) ?? 0) + kept.size)
    this.#first ??= going[0] ?? null
    this.#lastGone = going.at(-1) ?? this.#lastGone
    this.#last = entries.at(-1) ?? this.#last
  }

  /** `full`: of so many a purge is made; with fewer there are no more. */
  step(full: number): Step | null {
    if (!this.#last) return null
    const isLast = this.events < full
    if (!this.#first || !this.#lastGone) return { planned: null, last: this.#last, isLast }
    const planned: PlannedPurge = {
      id: uuidv7(now().getTime()),
      ...this.#rule,
      removed: this.#removed,
      held: this.#held,
      firstAt: this.#first.at,
      lastAt: this.#lastGone.at,
      leaves: this.#hash.digest('hex'),
      holds: this.#situation.holds.flatMap(({ id, name }) => {
        const kept = this.#kept.get(id) ?? 0
        return kept > 0 ? [{ id, name, kept }] : []
      }),
      revision: this.#situation.revision,
    }
    return { planned, last: this.#last, isLast }
  }
}
