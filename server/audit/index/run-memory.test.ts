import { describe, expect, it } from 'vitest'
import { BLOCK } from '#lib/postings/bits.ts'
import { uuidv7 } from '#lib/uuid.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { pgTransaction, type Sql } from '#server/kernel/db.ts'
import { makeTenant, useDatabase } from '#test/harness.ts'
import { countMatches } from '../count-matches.ts'
import { planOf } from '../plan.ts'
import { logBounds } from '../scan.ts'
import { LogIndex } from './log-index.ts'
import { mergeIndex } from './merge.ts'
import { reindex } from './rebuild.ts'
import { MOST_BYTES, rememberedRuns } from './run-memory.ts'
import type { LogShape, RunHead } from './runs.ts'

const db = useDatabase()

async function append(tenantId: string): Promise<void> {
  const actor = systemActor(tenantId, 'test')
  await runInTransaction({ actor, name: 'test' }, async () => ({
    result: null,
    audit: { action: 'file.view', target: { type: 'file', id: uuidv7(), name: 'plan' } },
  }))
}

/** How many there are, and which tables were read to know it. */
async function count(tenantId: string, q = 'action:file.view') {
  return pgTransaction('reader', tenantId, async (_client, sql) => {
    const read = new Set<string>()
    const watched: Sql = (text, values) => {
      read.add(/FROM (?:unnest.*\n.*FROM )?(audit_\w+)/s.exec(text)?.[1] ?? text)
      return sql(text, values)
    }
    const bounds = await logBounds(watched, tenantId)
    if (!bounds) throw new Error('an empty log')
    const ask = { from: '2020-01-01T00:00:00.000Z', to: undefined }
    const { value } = await countMatches(watched, { tenantId, plan: planOf(q, tenantId), ask, bounds })
    return { value, read: [...read].filter((table) => table !== 'audit_head').sort() }
  })
}

describe('what was read of a run', () => {
  it('is not read again until the run is written again', async () => {
    const tenantId = await makeTenant()
    await append(tenantId)
    await append(tenantId)
    expect(await count(tenantId)).toEqual({ value: 2, read: ['audit_block', 'audit_posting'] })
    expect(await count(tenantId)).toEqual({ value: 2, read: [] })
    expect(await count(tenantId, 'action:file.print')).toEqual({ value: 0, read: ['audit_posting'] })
    await append(tenantId)
    expect(await count(tenantId)).toEqual({ value: 3, read: ['audit_block', 'audit_posting'] })
    await reindex(tenantId, 0, 1)
    expect(await count(tenantId)).toEqual({ value: 3, read: ['audit_block', 'audit_posting'] })
    await mergeIndex(tenantId)
    expect((await count(tenantId)).value).toBe(3)
  })

  it('is of one organisation', async () => {
    const [one, other] = [await makeTenant(), await makeTenant()]
    await append(one)
    await count(one)
    const memoryOfOne = rememberedRuns(one, shapeOf(run(0, '7')))(run(0, '7'))
    expect(rememberedRuns(other, shapeOf(run(0, '7')))(run(0, '7'))).not.toBe(memoryOfOne)
  })

  it('is forgotten when the log no longer has it, or another one at its place', () => {
    const tenantId = uuidv7()
    const known = rememberedRuns(tenantId, shapeOf(run(0, '1'), run(5, '1')))
    const [first, second] = [known(run(0, '1')), known(run(5, '1'))]
    const next = rememberedRuns(tenantId, shapeOf(run(0, '1'), run(5, '2')))
    expect(next(run(0, '1'))).toBe(first)
    expect(next(run(5, '2'))).not.toBe(second)
    // A search that began before goes on with what it has.
    expect(known(run(5, '1'))).toBe(second)
    rememberedRuns(tenantId, shapeOf())
    expect(rememberedRuns(tenantId, shapeOf(run(0, '1')))(run(0, '1'))).not.toBe(first)
  })

  it('is forgotten when it becomes too much, whoever searched longest ago first; who reads it holds it', () => {
    const [early, late] = [uuidv7(), uuidv7()]
    const reading = rememberedRuns(early, shapeOf(run(0, '1')))
    const held = reading(run(0, '1'))
    held.grows(0.6 * MOST_BYTES)
    const recent = rememberedRuns(late, shapeOf(run(0, '1')))(run(0, '1'))
    recent.grows(0.6 * MOST_BYTES)
    expect(rememberedRuns(late, shapeOf(run(0, '1')))(run(0, '1'))).toBe(recent)
    expect(reading(run(0, '1'))).toBe(held)
    expect(rememberedRuns(early, shapeOf(run(0, '1')))(run(0, '1'))).not.toBe(held)
    rememberedRuns(late, shapeOf())
  })

  it('counts what is asked, too, and what a tally grows by', () => {
    const memory = rememberedRuns(uuidv7(), shapeOf(run(0, '1')))(run(0, '1'))
    const tally = { span: null, cut: { from: null, to: null }, value: 0 }
    memory.noteTally('q'.repeat(1_000), 0, { ...tally, bytes: 8 })
    expect(memory.bytes).toBeGreaterThan(2_000)
    const before = memory.bytes
    memory.noteTally('q'.repeat(1_000), 0, { ...tally, bytes: 800 })
    expect(memory.bytes).toBe(before + 792)
  })
})

describe('entries of a run of many months', () => {
  it('are looked for in the months of their block, whose ends are read once; far apart, in all of them', async () => {
    const tenantId = await makeTenant()
    await append(tenantId)
    const year = { recordedFrom: Date.parse('2026-01-01T00:00:00Z'), recordedTo: Date.parse('2099-01-01T00:00:00Z') }
    const long = { ...run(0, '1'), entries: 2 * BLOCK, ...year }
    const statements: string[] = []
    const between = (low: number, high: number) =>
      pgTransaction('reader', tenantId, (_client, sql) => {
        const watched: Sql = (text, values) => {
          statements.push(text)
          return sql(text, values)
        }
        return new LogIndex(watched, tenantId, { ...shapeOf(long), size: long.entries }).recorded.between(low, high)
      })
    const [first] = await readRecorded(tenantId)
    // The last entry of the block is not kept: its run's end stands for it.
    expect(await between(1, 7)).toEqual({ from: first, to: year.recordedTo })
    expect(await between(2, 3)).toEqual({ from: first, to: year.recordedTo })
    expect(statements).toHaveLength(1)
    expect(await between(0, BLOCK)).toEqual({ from: year.recordedFrom, to: year.recordedTo })
    expect(await between(0, 2 * BLOCK)).toBeNull()
    expect(statements).toHaveLength(1)
  })
})

async function readRecorded(tenantId: string): Promise<number[]> {
  const { rows } = await db.superuser.query<{ at: Date }>(
    'SELECT recorded_at AS at FROM audit_entry WHERE tenant_id = $1 ORDER BY index',
    [tenantId],
  )
  return rows.map(({ at }) => at.getTime())
}

function run(at: number, revision: string): RunHead {
  return { revision, at, entries: 5, bits: 0, whole: true, gone: false, recordedFrom: 0, recordedTo: 0 }
}

function shapeOf(...runs: RunHead[]): LogShape {
  return { isSnapshot: true, size: 10, coldTo: 0, lastRecordedAt: 0, runs }
}
