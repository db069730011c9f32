import { pino } from 'pino'
import { describe, expect, it, vi } from 'vitest'
import { BLOCK } from '#lib/postings/bits.ts'
import { uuidv7 } from '#lib/uuid.ts'
import { matchesQuery } from '#protocol/audit/query-match.ts'
import { parseQuery } from '#protocol/audit/query-parse.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { pgTransaction } from '#server/kernel/db.ts'
import { appendEntries, type StatedDraft } from '#server/kernel/ledger.ts'
import { makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { rowsToCopy } from '../copied-rows.ts'
import { countMatches, howMany } from '../count-matches.ts'
import { histogram } from '../histogram.ts'
import { eachMatch } from '../matches.ts'
import { planOf } from '../plan.ts'
import { logBounds, SINGLE, STRETCH } from '../scan.ts'
import { rangeOf } from '../time-range.ts'
import { mergeIndex } from './merge.ts'
import { gapsOf, reindex } from './rebuild.ts'
import { readShape } from './runs.ts'
import { startIndexUpkeep } from './upkeep.ts'

const db = useDatabase()

const PEOPLE = Array.from({ length: 40 }, (_, n) => ({ id: uuidv7(), name: `Person ${n} 王${n}` }))
const FILES = Array.from({ length: 300 }, (_, n) => ({ id: uuidv7(), name: `report ${n}.pdf`, type: 'file' }))
const ACTIONS = ['file.view', 'file.view', 'file.view', 'file.download', 'screenshot.attempt', 'mail.sent']

/** The same for the same number: some terms everywhere, some now and then, some once. */
function draftOf(n: number, startMs: number): StatedDraft {
  const person = PEOPLE[(n * n) % PEOPLE.length]
  const target = FILES[(n * 7) % FILES.length]
  if (!person || !target) throw new Error('no such draft')
  return {
    action: ACTIONS[n % ACTIONS.length] ?? 'file.view',
    outcome: n % 11 === 0 ? 'denied' : 'allowed',
    actor: { kind: 'person', ...person },
    target,
    labels: n % 5 === 0 ? ['confidential'] : [],
    source: n % 3 === 0 ? 'device' : 'server',
    words: `word${n % 997} once${n}`,
    occurredAt: new Date(startMs + n * 1_000 - (n % 50 === 0 ? 40 * 86_400_000 : 0)),
  }
}

const START = Date.parse('2026-11-01T00:00:00.000Z')

async function append(tenantId: string, from: number, count: number, startMs = START): Promise<void> {
  const actor = systemActor(tenantId, 'test')
  await pgTransaction('writer', tenantId, async (_client, sql) => {
    await sql(
      `INSERT INTO command (tenant_id, id, name, actor_kind, actor_id) VALUES ($1::uuid, $2::uuid, 'test', 'system', 'test')
       RETURNING set_config('app.command_id', id::text, true)`,
      [tenantId, uuidv7()],
    )
    const drafts = Array.from({ length: count }, (_, n) => draftOf(from + n, startMs))
    await appendEntries(
      sql,
      tenantId,
      drafts.map((draft) => ({ actor, draft })),
    )
  })
}

async function indexesOf(tenantId: string, q: string, order: 'newest' | 'oldest', from?: string, to?: string) {
  const found: number[] = []
  for await (const { items } of eachMatch(tenantId, { q, from, to, order }))
    found.push(...items.map(({ index }) => index))
  return found
}

const QUESTIONS = [
  'action:screenshot.attempt label:confidential',
  'action:file.download outcome:denied',
  'action:file.download outcome:denied in part',
  'once4711',
  '-outcome:allowed -action:mail -action:file.view',
  'nothing_of_the_kind',
  '(report word13 source:device) OR once77',
  `target:${FILES[12]?.id} -label:confidential`,
]

type Log = Awaited<ReturnType<typeof readLog>>

/** Which entries answer each question: every one is read. */
function rightAnswers(log: Log): Map<string, Log> {
  const queries = QUESTIONS.map((q) => ({ q, query: parseQuery(q) }))
  return new Map(
    queries.map(({ q, query }) => [q, log.filter(({ entry, personal }) => matchesQuery(query, entry, personal))]),
  )
}

async function expectRightAnswers(tenantId: string, answers: Map<string, Log>): Promise<void> {
  for (const [q, matching] of answers) {
    for (const [from, to] of [
      [undefined, undefined],
      ['2026-11-01T02:30:00.000Z', '2026-11-01T05:00:00.500Z'],
      ['2020-01-01T00:00:00.000Z', undefined],
      ['2026-11-01T02:30:00.001Z', '2026-11-01T05:00:00.500Z'],
    ]) {
      const right = matching
        .filter(({ entry }) => (!from || entry.occurredAt >= from) && (!to || entry.occurredAt < to))
        .map(({ index }) => index)
      expect(await indexesOf(tenantId, q, 'oldest', from, to), q).toEqual(right)
      expect(await indexesOf(tenantId, q, 'newest', from, to), q).toEqual([...right].reverse())
      await pgTransaction('reader', tenantId, async (_client, sql) => {
        const bounds = await logBounds(sql, tenantId)
        if (!bounds) throw new Error('an empty log')
        const ask = { q, from, to }
        expect(await countOf(tenantId, ask), q).toBe(Math.min(right.length, 2_000))
        const figures = await histogram(sql, tenantId, { ...ask, buckets: 60 }, new Date(START + 86_400_000))
        expect(figures.partial).toBe(false)
        expect(
          figures.buckets.reduce((sum, { count }) => sum + count, 0),
          q,
        ).toBe(right.length)
      })
    }
  }
}

async function countOf(tenantId: string, ask: { q: string; from: string | undefined; to: string | undefined }) {
  return pgTransaction('reader', tenantId, async (_client, sql) => {
    const bounds = await logBounds(sql, tenantId)
    if (!bounds) throw new Error('an empty log')
    return (await countMatches(sql, { tenantId, plan: planOf(ask.q, tenantId), ask, bounds })).value
  })
}

/** How many answers of the log's first block are remembered. */
async function rememberedOf(tenantId: string, q: string, from?: string): Promise<number | undefined> {
  const bounds = await pgTransaction('reader', tenantId, (_client, sql) => logBounds(sql, tenantId))
  return bounds ? howMany(bounds, planOf(q, tenantId), rangeOf({ from, to: undefined })).of(0) : undefined
}

async function shapeOf(tenantId: string) {
  const shape = await pgTransaction('reader', tenantId, (_client, sql) => readShape(sql, tenantId))
  if (!shape) throw new Error('no log')
  return shape
}

describe('events that are nearly all text', () => {
  it('are indexed a stretch at a time, in one transaction', async () => {
    const tenantId = await makeTenant()
    let word = 0
    const text = () => Array.from({ length: 2_000 }, () => `w${word++}x`).join(' ')
    await runInTransaction({ actor: systemActor(tenantId, 'test'), name: 'test' }, async () => ({
      result: null,
      audit: Array.from({ length: 80 }, (_, n) =>
        n % 2 === 0
          ? { action: 'file.view' as const, words: text() }
          : { action: 'file.download' as const, reason: text() },
      ),
    }))
    const log = await readLog(db, tenantId)
    expect(log.map(({ index }) => Number(index))).toEqual(Array.from({ length: 81 }, (_, n) => n))
    const { runs } = await shapeOf(tenantId)
    expect(runs.length).toBeGreaterThan(2)
    expect(gapsOf(runs, 81)).toEqual([])
    await expectRightAnswers(tenantId, rightAnswers(log))
    expect(await indexesOf(tenantId, 'w159999x', 'newest')).toEqual([80])
  })
})

describe('a block of too many words', () => {
  it('is merged as far as memory goes, and found in all the same', async () => {
    const tenantId = await makeTenant()
    for (let n = 0; n < 70; n++) await append(tenantId, n * 10, 10)
    const before = (await shapeOf(tenantId)).runs.length
    expect(await mergeIndex(tenantId, undefined, 60_000)).toBeGreaterThan(0)
    const { runs } = await shapeOf(tenantId)
    expect(runs.length).toBeLessThan(before)
    expect(runs.length).toBeGreaterThan(1)
    await expectRightAnswers(tenantId, rightAnswers(await readLog(db, tenantId)))
    expect(await mergeIndex(tenantId, undefined, 0)).toBe(0)
  })
})

describe('upkeep', () => {
  it('of one organisation goes on while the index of another cannot be read', async () => {
    const [broken, sound] = [await makeTenant(), await makeTenant()]
    for (const tenantId of [broken, sound]) for (let n = 0; n < 70; n++) await append(tenantId, n, 1)
    await db.superuser.query(`UPDATE audit_block SET times = '\\x00' WHERE tenant_id = $1`, [broken])
    const upkeep = startIndexUpkeep(pino({ level: 'silent' }))
    try {
      await vi.waitFor(async () => expect((await shapeOf(sound)).runs).toHaveLength(1), { timeout: 5_000 })
    } finally {
      await upkeep.stop()
    }
    expect((await shapeOf(broken)).runs.length).toBeGreaterThan(1)
  })
})

describe('history of long ago', () => {
  it('is drawn whole, however many moments it has', async () => {
    const tenantId = await makeTenant()
    // More moments than are counted one by one, all of them two years before the log.
    await append(tenantId, 0, 12_000, START - 2 * 365 * 86_400_000)
    const drawn = await pgTransaction('reader', tenantId, (_client, sql) =>
      histogram(sql, tenantId, { q: 'action:file', buckets: 80 }, new Date()),
    )
    expect(drawn).toMatchObject({ partial: false, widthMs: 14 * 86_400_000 })
    expect(drawn.buckets.reduce((sum, { count }) => sum + count, 0)).toBe(8_000)
  })
})

describe('figures that are not done in time', () => {
  it('hold nothing older than what they say they came to, however much of it is remembered', async () => {
    const tenantId = await makeTenant()
    await append(tenantId, 0, BLOCK - 1)
    await append(tenantId, 0, 5_500)
    await mergeIndex(tenantId)
    const ask = { q: 'action:file.view', from: '2020-01-01T00:00:00.000Z', to: '2030-01-01T00:00:00.000Z', buckets: 60 }
    const figures = () =>
      pgTransaction('reader', tenantId, (_client, sql) => histogram(sql, tenantId, ask, new Date(START)))
    const counted = ({ buckets }: Awaited<ReturnType<typeof figures>>) =>
      buckets.reduce((sum, { count }) => sum + count, 0)
    const whole = await figures()
    expect([whole.partial, counted(whole)]).toEqual([false, 16_384 + 2_751])
    // Without an index all of the newest block has to be read, which is too much.
    await db.superuser.query('DELETE FROM audit_run WHERE tenant_id = $1 AND at >= $2', [tenantId, BLOCK])
    const some = await figures()
    expect([some.partial, counted(some)]).toEqual([true, 2_751])
    const { rows } = await db.superuser.query<{ at: Date }>(
      'SELECT recorded_at AS at FROM audit_entry WHERE tenant_id = $1 AND index = $2',
      [tenantId, BLOCK],
    )
    expect(some.searchedBackTo).toBe(rows[0]?.at.toISOString())
  })
})

describe('the index', () => {
  it('answers the same before and after its runs are merged, built anew, or lost', async () => {
    const tenantId = await makeTenant()
    // Small appends, one across the edge of a block, and a large one.
    for (let n = 0; n < 70; n++) await append(tenantId, n * 10, 10)
    await append(tenantId, 700, BLOCK - 900)
    await append(tenantId, BLOCK - 200, 2_000)
    const log = await readLog(db, tenantId)
    expect(log).toHaveLength(BLOCK + 1_801)
    const answers = rightAnswers(log)
    await expectRightAnswers(tenantId, answers)

    expect(await mergeIndex(tenantId)).toBeGreaterThan(0)
    const merged = await shapeOf(tenantId)
    expect(merged.runs.map(({ at, entries }) => [at, entries])).toEqual([
      [0, BLOCK],
      [BLOCK, 1_801],
    ])
    expect(await mergeIndex(tenantId)).toBe(0)
    const rare = 'action:screenshot.attempt label:confidential'
    const inFirst = answers.get(rare)?.filter(({ index }) => index < BLOCK).length
    expect(await rememberedOf(tenantId, rare)).toBeUndefined()
    await countOf(tenantId, { q: rare, from: undefined, to: undefined })
    expect(await rememberedOf(tenantId, rare)).toBe(inFirst)
    await expectRightAnswers(tenantId, answers)
    expect(await rememberedOf(tenantId, rare)).toBe(inFirst)
    const from = '2026-11-01T02:30:00.000Z'
    expect(await rememberedOf(tenantId, rare, from)).toBeUndefined()
    const late = await countOf(tenantId, { q: rare, from, to: undefined })
    expect(late).toBeLessThan(inFirst ?? 0)
    expect(await rememberedOf(tenantId, rare, from)).toBeLessThanOrEqual(late)
    expect(await rememberedOf(tenantId, rare, '2026-11-01T02:30:00.001Z')).toBeUndefined()
    // What was counted before is not counted again.
    await expectRightAnswers(tenantId, answers)

    await db.superuser.query('DELETE FROM audit_run WHERE tenant_id = $1', [tenantId])
    expect(gapsOf((await shapeOf(tenantId)).runs, log.length)).toEqual([{ from: 0, to: log.length }])
    expect(await indexesOf(tenantId, 'once4711', 'newest')).toEqual([4712])

    await db.superuser.query('DELETE FROM audit_posting WHERE tenant_id = $1', [tenantId])
    await db.superuser.query('DELETE FROM audit_block WHERE tenant_id = $1', [tenantId])
    expect(await reindex(tenantId, 0, log.length)).toBe(true)
    expect(gapsOf((await shapeOf(tenantId)).runs, log.length)).toEqual([])
    expect(await rememberedOf(tenantId, rare)).toBeUndefined()
    await expectRightAnswers(tenantId, answers)

    await db.superuser.query('SET session_replication_role = replica')
    await db.superuser.query('DELETE FROM audit_entry WHERE tenant_id = $1 AND index < 5000', [tenantId])
    await reindex(tenantId, 0, BLOCK)
    await db.superuser.query('SET session_replication_role = DEFAULT')
    expect(await rememberedOf(tenantId, rare)).toBeUndefined()
    await expectRightAnswers(tenantId, rightAnswers(await readLog(db, tenantId)))
  }, 60_000)

  it('forgets what is no longer kept', async () => {
    const tenantId = await makeTenant()
    await append(tenantId, 0, 500)
    await db.superuser.query('SET session_replication_role = replica')
    await db.superuser.query('DELETE FROM audit_entry WHERE tenant_id = $1 AND index <= 100', [tenantId])
    await reindex(tenantId, 0, 501)
    const log = await readLog(db, tenantId)
    expect(log).toHaveLength(400)
    await expectRightAnswers(tenantId, rightAnswers(log))
    expect(await indexesOf(tenantId, '', 'newest')).toHaveLength(400)
  })

  it('is built anew in several runs where entries are nearly all text', async () => {
    const tenantId = await makeTenant()
    await append(tenantId, 0, 500)
    await db.superuser.query('SET session_replication_role = replica')
    await db.superuser.query('DELETE FROM audit_entry WHERE tenant_id = $1 AND index BETWEEN 200 AND 260', [tenantId])
    await reindex(tenantId, 0, 501, { runText: 20_000 })
    const { runs } = await shapeOf(tenantId)
    expect(runs.length).toBeGreaterThan(3)
    expect(gapsOf(runs, 501)).toEqual([])
    const answers = rightAnswers(await readLog(db, tenantId))
    await expectRightAnswers(tenantId, answers)
    // A place in one of them: the others stay as they are.
    await reindex(tenantId, 300, 301)
    expect((await shapeOf(tenantId)).runs.length).toBe(runs.length)
    await reindex(tenantId, 0, 501)
    await expectRightAnswers(tenantId, answers)
  })

  it('of a log whose beginning is gone begins with what is kept', async () => {
    const tenantId = await makeTenant()
    await append(tenantId, 0, BLOCK - 1)
    await append(tenantId, 0, 70)
    const { runs } = await shapeOf(tenantId)
    await db.superuser.query('SET session_replication_role = replica')
    await db.superuser.query('DELETE FROM audit_entry WHERE tenant_id = $1 AND index < $2', [tenantId, BLOCK])
    await reindex(tenantId, 0, BLOCK)
    const bounds = await pgTransaction('reader', tenantId, (_client, sql) => logBounds(sql, tenantId))
    expect(bounds?.from).toBe(runs.at(-1)?.recordedFrom)
    await expectRightAnswers(tenantId, rightAnswers(await readLog(db, tenantId)))
  })
})

describe('entries are copied', () => {
  it('by their index alone, in its order, of the months they lie in', async () => {
    const tenantId = await makeTenant()
    const [recordedFrom, recordedTo] = [new Date().toISOString(), new Date().toISOString()]
    for (const where of ['e.index >= 0 AND e.index < 60000', `e.index = ANY('{1,20,300}'::bigint[])`]) {
      const plan = await pgTransaction('reader', tenantId, async (client) => {
        // Tables this small would be read whole.
        await client.query('SET LOCAL enable_seqscan = off')
        const { rows } = await client.query(
          `EXPLAIN ${rowsToCopy(client, tenantId, { where, recordedFrom, recordedTo })}`,
        )
        return rows.map((row) => row['QUERY PLAN']).join('\n')
      })
      expect(plan).toContain(`audit_entry_activity_${recordedFrom.slice(0, 7).replace('-', '')}`)
      expect(plan.match(/audit_entry_\w+_index on audit_entry/g)).toHaveLength(3)
      expect(plan).not.toMatch(/recorded_at_idx|Cond: .*recorded_at/)
    }
  })
})

describe('entries are fetched', () => {
  const today = [new Date().toISOString(), new Date().toISOString()]

  it.each([
    ['a stretch', STRETCH, ['0', '50', ...today]],
    ['single ones', SINGLE, ['{1,20,300}', ...today]],
  ])('%s: by one plan for any, of the months they lie in, by no index on times', async (_, statement, values) => {
    const tenantId = await makeTenant()
    const plan = await pgTransaction('reader', tenantId, async (client) => {
      await client.query(`PREPARE fetched AS ${statement}`)
      const parameters = [tenantId, ...values].map((value) => client.escapeLiteral(value))
      const { rows } = await client.query(`EXPLAIN EXECUTE fetched(${parameters.join(', ')})`)
      await client.query('DEALLOCATE fetched')
      return rows.map((row) => row['QUERY PLAN'])
    })
    expect(plan.join('\n')).toMatch(/Subplans Removed: \d+/)
    const timed = plan.filter((line) => line.includes('recorded_at'))
    expect(timed.length).toBeGreaterThan(0)
    for (const line of timed) expect(line).toMatch(/^ +Filter: .*recorded_at >= ALL .*recorded_at <= ALL /)
  })
})
