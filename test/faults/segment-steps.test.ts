import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { BLOCK, noBits, placesOf } from '#lib/postings/bits.ts'
import { placesIn, stretchesOf } from '#lib/postings/places.ts'
import { buildRun, type TermPlaces } from '#lib/postings/run.ts'
import { indexTransaction, insertPostings, insertRun } from '#server/audit/index/maintenance.ts'
import { mergeIndex, SEGMENT_BLOCKS } from '#server/audit/index/merge.ts'
import { Postings } from '#server/audit/index/postings.ts'
import { rememberedRuns } from '#server/audit/index/run-memory.ts'
import { readShape } from '#server/audit/index/runs.ts'
import { pgTransaction } from '#server/kernel/db.ts'
import { openKeys } from '#server/kernel/keys.ts'
import { createRuntime, runtime, setRuntime } from '#server/kernel/runtime.ts'
import { makeTenant, useDatabase } from '#test/harness.ts'
import { type Break, Wire } from './wire.ts'

// What waits here waits for a database, on machines that do other things as well.
vi.setConfig({ testTimeout: 60_000 })

const db = useDatabase()
let wire: Wire
let tenantId: string

beforeAll(async () => {
  wire = await Wire.open(Number(new URL(db.adminUrl).port))
  const { dataDir, logins } = runtime()
  await setRuntime(createRuntime({ dataDir, logins: { ...logins, worker: wire.through(logins.worker) } }))
  await openKeys()
  tenantId = await makeTenant()
  await makeFullBlocks()
})

afterAll(async () => {
  wire.onRoundTrip = null
  await setRuntime(undefined)
  await wire.close()
})

const EVERYWHERE = 3 * 2 ** 48
/** Spread over all shares of a merge. */
const hashOf = (n: number) => ((n * 2_654_435_761) % 2 ** 32) * 2 ** 20 + 7

/** Terms of a block: one in every ninth entry, many here and there, one of its own. */
function termsOf(block: number): TermPlaces[] {
  const often = Array.from({ length: Math.floor(BLOCK / 9) }, (_, n) => n * 9 + (block % 9))
  const seldom = Array.from({ length: 60 }, (_, n) => ({
    hash: hashOf(n),
    stretches: stretchesOf([n * 7 + block, n * 70 + 9_000]),
  }))
  return [
    { hash: EVERYWHERE, stretches: stretchesOf(often) },
    ...seldom,
    { hash: hashOf(1_000 + block), stretches: [4_711, 4_712] },
  ]
}

/** The index of a million entries, as it is before its blocks become one run; the entries themselves play no part. */
async function makeFullBlocks(): Promise<void> {
  await db.superuser.query('DELETE FROM audit_run WHERE tenant_id = $1', [tenantId])
  await db.superuser.query('DELETE FROM audit_posting WHERE tenant_id = $1', [tenantId])
  const recorded = { recordedFrom: new Date(0), recordedTo: new Date(0) }
  await indexTransaction(tenantId, async (sql) => {
    for (let block = 0; block < SEGMENT_BLOCKS; block++) {
      const { bits, rows } = buildRun(termsOf(block), BLOCK)
      await insertRun(sql, tenantId, { at: block * BLOCK, entries: BLOCK, bits, whole: true, ...recorded })
      await insertPostings(sql, tenantId, block * BLOCK, rows)
    }
  })
}

/** All that a search reads, as one value. */
async function digest(): Promise<string | undefined> {
  const { rows } = await db.superuser.query<{ digest: string }>(
    `SELECT md5(string_agg(t, '' ORDER BY t)) AS digest FROM (
       SELECT r::text AS t FROM audit_run r WHERE tenant_id = $1 UNION ALL SELECT p::text FROM audit_posting p WHERE tenant_id = $1) all_of_it`,
    [tenantId],
  )
  return rows[0]?.digest
}

/** The server hears a little later that a line was cut, and holds what that merge had locked until then. */
async function untilFree(): Promise<void> {
  const locked = `SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
  while ((await db.superuser.query(locked)).rows.length > 0) await new Promise((resolve) => setTimeout(resolve, 10))
}

/** Merges with the line broken where `isThere` says, of the round trips so far. */
async function mergeBroken(where: Break, isThere: (trips: number, text: string) => boolean): Promise<boolean> {
  await untilFree()
  let trips = 0
  let isBroken = false
  wire.onRoundTrip = ({ text }) => {
    if (isBroken || !isThere(trips++, text)) return undefined
    isBroken = true
    return where
  }
  const [outcome] = await Promise.allSettled([mergeIndex(tenantId)])
  wire.onRoundTrip = null
  expect(outcome.status).toBe(isBroken ? 'rejected' : 'fulfilled')
  return isBroken
}

describe('blocks that become one run of a million entries', () => {
  it('are as before when it is cut off between any two of its statements', async () => {
    const before = await digest()
    // Some of each share's statements, and both ways.
    for (const place of [2, 3, 4, 5, 6, 7, 20, 41, 62])
      expect(await mergeBroken(place % 2 === 0 ? 'before' : 'after', (trips) => trips === place)).toBe(true)
    expect(await mergeBroken('before', (_, text) => text.includes('COMMIT'))).toBe(true)
    expect(await digest()).toBe(before)
  })

  it('are merged once when nobody heard that it was done, and hold what they held', async () => {
    expect(await mergeBroken('after', (_, text) => text.includes('COMMIT'))).toBe(true)
    const merged = await digest()
    expect(await mergeIndex(tenantId)).toBe(0)
    expect(await digest()).toBe(merged)
    await pgTransaction('reader', tenantId, async (_client, sql) => {
      const shape = await readShape(sql, tenantId)
      const [run, ...more] = shape?.runs ?? []
      expect([run?.entries, more]).toEqual([SEGMENT_BLOCKS * BLOCK, []])
      if (!shape || !run) return
      for (const block of [0, 17, SEGMENT_BLOCKS - 1]) {
        const terms = termsOf(block)
        const postings = new Postings(sql, tenantId, rememberedRuns(tenantId, shape))
        const hashes = terms.map(({ hash }) => hash)
        await postings.probe(hashes, [run])
        await postings.load(hashes, [{ run, block }])
        for (const { hash, stretches } of terms) {
          const bits = noBits()
          postings.addTo(bits, hash, run, block)
          expect(placesOf(bits), `${hash} in block ${block}`).toEqual(placesIn(stretches))
        }
      }
    })
  })
})
