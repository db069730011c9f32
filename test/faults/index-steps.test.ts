import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { signHead } from '#server/audit/checkpoints.ts'
import { mergeIndex } from '#server/audit/index/merge.ts'
import { gapsOf, reindex } from '#server/audit/index/rebuild.ts'
import { type RunHead, readShape } from '#server/audit/index/runs.ts'
import { startIndexUpkeep } from '#server/audit/index/upkeep.ts'
import { eachMatch } from '#server/audit/matches.ts'
import { verifyStoredLog } from '#server/audit/verify-now.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { pgTransaction } from '#server/kernel/db.ts'
import { openKeys } from '#server/kernel/keys.ts'
import { createLog } from '#server/kernel/log.ts'
import { createRuntime, runtime, setRuntime } from '#server/kernel/runtime.ts'
import { makeTenant, useDatabase } from '#test/harness.ts'
import { type Break, Wire } from './wire.ts'

// What waits here waits for a database, on machines that do other things as well.
vi.setConfig({ testTimeout: 60_000 })

const db = useDatabase()
let wire: Wire

beforeAll(async () => {
  wire = await Wire.open(Number(new URL(db.adminUrl).port))
  const { dataDir, logins } = runtime()
  // Only what rewrites the index goes through the wire.
  await setRuntime(createRuntime({ dataDir, logins: { ...logins, worker: wire.through(logins.worker) } }))
  await openKeys()
})

afterAll(async () => {
  await setRuntime(undefined)
  await wire.close()
})

/** More small runs than are left as they are. */
const RUNS = 66

/** A log that grows by small appends, and which of its entries have a word. */
class Growing {
  readonly tenantId: string
  readonly #size = { entries: 1 }
  readonly #right = new Map<string, number[]>(['every', 'third', 'once40', 'once211', 'nowhere'].map((q) => [q, []]))

  constructor(tenantId: string) {
    this.tenantId = tenantId
  }

  async grow(runs = RUNS): Promise<void> {
    for (let n = 0; n < runs; n++) {
      const indexes = [this.#size.entries, this.#size.entries + 1]
      await runInTransaction({ actor: systemActor(this.tenantId, 'test'), name: 'test' }, async () => ({
        result: null,
        audit: indexes.map((index) => ({ action: 'key.rotate' as const, words: this.#wordsOf(index) })),
      }))
      this.#size.entries += 2
    }
  }

  #wordsOf(index: number): string {
    const words = ['every', `once${index}`, ...(index % 3 === 0 ? ['third'] : [])]
    for (const word of words) this.#right.get(word)?.push(index)
    return words.join(' ')
  }

  async expectRightAnswers(): Promise<void> {
    for (const [q, right] of this.#right) expect(await this.#search(q), q).toEqual(right)
  }

  /** While it grows: a word that each entry has, but for the one that founded the organisation. */
  async expectAllThatWereThere(): Promise<void> {
    const before = this.size
    const found = await this.#search('every')
    expect(found).toEqual(found.map((_, n) => n + 1))
    expect(found.length).toBeGreaterThanOrEqual(before - 1)
  }

  async #search(q: string): Promise<number[]> {
    const found: number[] = []
    for await (const { items } of eachMatch(this.tenantId, { q, from: undefined, to: undefined, order: 'oldest' }))
      found.push(...items.map(({ index }) => index))
    return found
  }

  async runs(): Promise<readonly RunHead[]> {
    const shape = await pgTransaction('reader', this.tenantId, (_client, sql) => readShape(sql, this.tenantId))
    return shape?.runs ?? []
  }

  async expectWholeIndex(): Promise<void> {
    expect(gapsOf(await this.runs(), this.#size.entries)).toEqual([])
    await signHead(this.tenantId)
    expect((await verifyStoredLog(this.tenantId)).verdict).toMatchObject({ ok: true })
    await this.expectRightAnswers()
  }

  get size(): number {
    return this.#size.entries
  }
}

/** Runs `work` again and again, each time with the line broken one statement later, until it gets through. */
async function breakEachStep(
  where: Break,
  work: () => Promise<unknown>,
  after: () => Promise<void>,
): Promise<string[]> {
  const broken: string[] = []
  for (let step = 0; ; step++) {
    let trips = 0
    wire.onRoundTrip = ({ text }) => {
      if (trips++ !== step) return undefined
      broken.push(text)
      return where
    }
    const [outcome] = await Promise.allSettled([work(), after()])
    wire.onRoundTrip = null
    if (broken.length === step) {
      expect(outcome.status).toBe('fulfilled')
      return broken
    }
    expect(outcome, broken.at(-1)).toMatchObject({ status: 'rejected', reason: { code: 'unavailable' } })
    await after()
  }
}

const MERGE = ['BEGIN', 'pg_try_advisory_xact_lock', 'SELECT at::text, key::text, body FROM audit_posting']
const REWRITE = [
  'DELETE FROM audit_run',
  'DELETE FROM audit_posting',
  'INSERT INTO audit_run',
  'INSERT INTO audit_block',
]

describe('the index of a log, cut off between any two statements', () => {
  it.each(['before', 'after'] as const)(
    '%s they are done: a merge and a rebuild begin again, and each search meanwhile is right',
    async (where) => {
      const log = new Growing(await makeTenant())
      await log.grow()
      const right = () => log.expectRightAnswers()
      const merging = await breakEachStep(where, () => mergeIndex(log.tenantId), right)
      for (const step of [...MERGE, ...REWRITE, 'COMMIT'])
        expect(
          merging.some((text) => text.includes(step)),
          step,
        ).toBe(true)
      const building = await breakEachStep(where, () => reindex(log.tenantId, 0, log.size), right)
      for (const step of [...REWRITE, 'COMMIT'])
        expect(
          building.some((text) => text.includes(step)),
          step,
        ).toBe(true)
      await log.expectWholeIndex()
    },
  )

  it('several workers at once, while the log grows and is searched', async () => {
    const log = new Growing(await makeTenant())
    await log.grow()
    let isOver = false
    const until = async (work: () => Promise<unknown>) => {
      while (!isOver) await work()
    }
    const growing = log.grow(40).finally(() => {
      isOver = true
    })
    await Promise.all([
      growing,
      until(() => mergeIndex(log.tenantId)),
      until(() => mergeIndex(log.tenantId)),
      until(() => reindex(log.tenantId, 0, 100)),
      until(() => log.expectAllThatWereThere()),
    ])
    await log.expectWholeIndex()
  })

  it('a worker that was kept out by one that died looks again, although the log no longer grows', async () => {
    const log = new Growing(await makeTenant())
    await log.grow()
    const other = await db.superuser.connect()
    const key = `hashtextextended('gatehouse.index.${log.tenantId}', 0)`
    await other.query(`SELECT pg_advisory_lock(${key})`)
    const wasKeptOut = new Promise<void>((resolve) => {
      let hasAsked = false
      wire.onRoundTrip = ({ text }) => {
        if (hasAsked && text.includes('FROM audit_head WHERE size > 0')) resolve()
        hasAsked ||= text.includes('pg_try_advisory_xact_lock') && text.includes(log.tenantId)
        return undefined
      }
    })
    const upkeep = startIndexUpkeep(createLog('test', { level: 'fatal' }))
    try {
      await wasKeptOut
      wire.onRoundTrip = null
      await other.query(`SELECT pg_advisory_unlock(${key})`)
      await vi.waitFor(async () => expect(await log.runs()).toHaveLength(1), { timeout: 15_000, interval: 50 })
    } finally {
      other.release()
      await upkeep.stop()
    }
    await log.expectWholeIndex()
  })
})
