import { expect, test } from 'vitest'
import { pgTransaction } from '#server/kernel/db.ts'
import { enqueueJobs } from '#server/kernel/jobs.ts'
import { createLog } from '#server/kernel/log.ts'
import { type Line, type Turn, takeTurn, turnJobs } from '#server/kernel/turns.ts'
import { makeTenant, useDatabase } from '#test/harness.ts'
import { startQueue } from './queue.ts'

const database = useDatabase()

const TASK = 'test.turn'

type Work = (name: string) => Promise<void>

/** Organisations with pieces of work that wait, named like `a1`; `done` resolves with the names in the order in which they were begun. */
async function makeLine(wanted: Record<string, string[]>, work: Work = async () => {}, atOnce = 1) {
  const names = Object.keys(wanted)
  const ids = new Map<string, string>()
  const waiting = new Map<string, string[]>()
  for (const name of names) {
    const tenantId = await makeTenant()
    ids.set(name, tenantId)
    waiting.set(tenantId, [...(wanted[name] ?? [])])
  }
  const begun: string[] = []
  let finish = () => {}
  const isFinished = new Promise<void>((resolve) => {
    finish = resolve
  })
  const line: Line = {
    task: TASK,
    atOnce,
    waiting: async (tenantId) => [...(waiting.get(tenantId) ?? [])],
    work: async (tenantId, piece) => {
      begun.push(piece)
      await work(piece)
      waiting.set(
        tenantId,
        (waiting.get(tenantId) ?? []).filter((one) => one !== piece),
      )
    },
  }
  const tenantOf = (name: string) => ids.get(name) ?? ''
  const ask = (name: string) =>
    pgTransaction('writer', tenantOf(name), (_client, sql) => enqueueJobs(sql, turnJobs(line, tenantOf(name))))
  const more = async (name: string, piece: string) => {
    waiting.get(tenantOf(name))?.push(piece)
    await ask(name)
  }
  const run = async (concurrency: number) => {
    const turn = async (payload: unknown) => {
      await takeTurn(line, payload as Turn)
      if ([...waiting.values()].every((left) => left.length === 0)) finish()
    }
    const tasks = { [TASK]: turn }
    const queue = await startQueue({ tasks, schedule: [], log: createLog('test', { level: 'silent' }), concurrency })
    try {
      await isFinished
    } finally {
      await queue.stop()
    }
    return begun
  }
  return { ask, more, run, line, tenantOf, begun }
}

/** When an organisation's next turn is. */
const turns = async (tenantId: string) => {
  const { rows } = await database.superuser.query<{ late: boolean }>(
    `SELECT run_at > now() + interval '30 seconds' AS late FROM graphile_worker.jobs WHERE key = $1`,
    [`${TASK}:${tenantId}:0`],
  )
  return rows.map(({ late }) => (late ? 'later' : 'now'))
}

test('an organisation that wants much has a piece at a time; whoever asks later has theirs in between', async () => {
  const { ask, run } = await makeLine({ a: ['a1', 'a2', 'a3'], b: ['b1', 'b2'], c: ['c1'] })
  for (const name of ['a', 'b', 'c']) await ask(name)
  expect(await run(1)).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3'])
})

test('it takes one slot, however many there are and however often it asks', async () => {
  let letGo = () => {}
  const other = new Promise<void>((resolve) => {
    letGo = resolve
  })
  let most = 0
  let now = 0
  const { ask, run } = await makeLine({ a: ['a1', 'a2'], b: ['b1'] }, async (piece) => {
    if (piece === 'b1') return letGo()
    most = Math.max(most, ++now)
    await other
    now--
  })
  await ask('a')
  await ask('a')
  await ask('b')
  expect((await run(2)).toSorted()).toEqual(['a1', 'a2', 'b1'])
  expect(most).toBe(1)
})

test('of two turns at a time each has a piece of its own, and no third one is begun', async () => {
  let letGo = () => {}
  const both = new Promise<void>((resolve) => {
    letGo = resolve
  })
  let [most, now] = [0, 0]
  const work = async () => {
    most = Math.max(most, ++now)
    if (now === 2) letGo()
    await both
    now--
  }
  const { ask, run } = await makeLine({ a: ['a1', 'a2', 'a3'] }, work, 2)
  await ask('a')
  expect((await run(3)).toSorted()).toEqual(['a1', 'a2', 'a3'])
  expect(most).toBe(2)
})

test('who asks again while they wait keep their place, and what was to wait longer comes behind the others', async () => {
  const { ask, run, line, tenantOf } = await makeLine({ late: ['late1'], a: ['a1'], b: ['b1'] })
  await ask('late')
  await takeTurn({ ...line, work: () => Promise.reject(new Error('not now')) }, { tenantId: tenantOf('late'), nth: 0 })
  for (const name of ['a', 'b', 'late', 'a']) await ask(name)
  expect(await run(1)).toEqual(['a1', 'b1', 'late1'])
})

test('what is asked for during its turn follows, also when a free slot came for it in vain', async () => {
  const { ask, more, run, line, tenantOf } = await makeLine({ a: ['a1'] }, async (piece) => {
    if (piece !== 'a1') return
    await more('a', 'a2')
    // As the free slot does.
    await takeTurn(line, { tenantId: tenantOf('a'), nth: 0 })
    await database.superuser.query('DELETE FROM graphile_worker._private_jobs WHERE key IS NOT NULL')
  })
  await ask('a')
  expect(await run(1)).toEqual(['a1', 'a2'])
})

test('what fails comes behind the rest, and again a minute later', async () => {
  const { ask, line, tenantOf, begun } = await makeLine({ a: ['bad', 'good'] }, async (piece) => {
    if (piece === 'bad') throw new Error('not now')
  })
  await ask('a')
  await takeTurn(line, { tenantId: tenantOf('a'), nth: 0 })
  expect(await turns(tenantOf('a'))).toEqual(['now'])
  await takeTurn(line, { tenantId: tenantOf('a'), nth: 0 })
  expect(begun).toEqual(['bad', 'good'])
  expect(await turns(tenantOf('a'))).toEqual(['later'])
})

test('what another process is at is looked at again a minute later, not at once', async () => {
  const { ask, line, tenantOf } = await makeLine({ a: ['a1'] })
  await ask('a')
  await takeTurn({ ...line, work: async () => {} }, { tenantId: tenantOf('a'), nth: 0 })
  expect(await turns(tenantOf('a'))).toEqual(['later'])
  await takeTurn(line, { tenantId: tenantOf('a'), nth: 0 })
  expect(await line.waiting(tenantOf('a'))).toEqual([])
})
