import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { archiveRoots, endEngine, engineAll, engineRows, literal } from './client.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'gatehouse-engine-'))
vi.mock('#server/kernel/runtime.ts', () => ({ runtime: () => ({ dataDir }) }))

beforeAll(() => engineAll('SELECT 1'))
afterAll(() => {
  endEngine()
  rmSync(dataDir, { recursive: true })
})

test('a file is written and read; numbers, texts, lists and nothing arrive as they are', async () => {
  const file = join(archiveRoots().files, "it's.parquet")
  const rows = `SELECT 5 AS n, 'é王' AS t, ['a', 'b'] AS l, NULL AS nothing, '\\x01'::BLOB AS b`
  expect(await engineAll(`COPY (${rows}) TO ${literal(file)} (FORMAT parquet)`)).toEqual([[1]])
  expect(await engineAll(`SELECT * FROM read_parquet(${literal(file)}) WHERE n > ? AND t = ?`, [4, 'é王'])).toEqual([
    [5, 'é王', ['a', 'b'], null, Buffer.of(1)],
  ])
})

test('nothing beside the archive can be read or written, and no setting changed', async () => {
  for (const statement of [
    `SELECT * FROM read_csv('/etc/passwd')`,
    `COPY (SELECT 1) TO ${literal(join(dataDir, 'secrets.json'))}`,
    `SELECT * FROM read_parquet(${literal(join(archiveRoots().files, '../secrets.json'))})`,
    `SET enable_external_access = true`,
    `ATTACH ${literal(join(dataDir, 'x.db'))}`,
  ])
    await expect(engineAll(statement)).rejects.toMatchObject({ code: 'unavailable' })
})

test('whoever stops reading ends the statement, and slow readers hold little', async () => {
  let taken = 0
  for await (const rows of engineRows('SELECT i FROM range(50000000) t(i)')) {
    taken += rows.length
    if (taken > 10_000) break
  }
  expect(taken).toBeLessThan(20_000)
  expect(await engineAll('SELECT 2')).toEqual([[2]])
})

test('rows with long texts come a few at a time', async () => {
  const counts: number[] = []
  for await (const rows of engineRows(`SELECT repeat('x', 100000) FROM range(50)`)) counts.push(rows.length)
  expect(counts).toEqual([20, 20, 10])
})

const ENGINE = Symbol.for('gatehouse.archive.engine')
type Engine = { child: { pid: number; kill(signal: string): void }; questions: Map<number, unknown> }
const engineNow = () => (globalThis as Record<symbol, Engine | undefined>)[ENGINE]
/** Ticks of processor time that the engine has used. */
const ticks = () => {
  const fields = readFileSync(`/proc/${engineNow()?.child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return Number(fields[11]) + Number(fields[12])
}

test('each engine has working files of its own, and none are left when it ends, however that is', async () => {
  const { work } = archiveRoots()
  const forgotten = join(work, 'engine-forgotten')
  mkdirSync(forgotten)
  utimesSync(forgotten, 1, 1)
  const directoryOf = async () => String((await engineAll(`SELECT current_setting('temp_directory')`))[0]?.[0])
  const slots = globalThis as Record<symbol, unknown>
  const first = await directoryOf()
  const engine = engineNow()
  slots[ENGINE] = undefined
  const second = await directoryOf()
  expect(dirname(second)).toBe(work)
  expect(second).not.toBe(first)
  expect(existsSync(forgotten)).toBe(false)
  for (const directory of [first, second]) {
    mkdirSync(directory)
    writeFileSync(join(directory, 'spilled'), 'what it could not hold')
  }
  engine?.child.kill('SIGKILL')
  endEngine()
  await vi.waitFor(() => expect(readdirSync(work)).toEqual([]), 5_000)
})

test.each([0, 1, 5, 200])('a statement that is given up after %d ms is ended', async (afterMs) => {
  await engineAll('SELECT 1')
  const giveUp = new AbortController()
  const long = engineAll('SELECT sum(a.range * b.range) FROM range(1000000) a, range(100000) b', [], giveUp)
  setTimeout(() => giveUp.abort(), afterMs)
  await expect(long).rejects.toMatchObject({ code: 'unavailable' })
  await vi.waitFor(() => expect(engineNow()?.questions.size).toBe(0), 5_000)
  const before = ticks()
  await sleep(100)
  expect(ticks() - before).toBeLessThan(5)
})

test('an engine that is stuck fails who waits too long, is killed, and the next one gets another', async () => {
  await engineAll('SELECT 1')
  const { pid } = engineNow()?.child ?? { pid: 0 }
  process.kill(pid, 'SIGSTOP')
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const tooLong = engineAll('SELECT 2', [], { signal: AbortSignal.timeout(20) })
  await expect(tooLong).rejects.toThrow(/it takes too long/)
  const other = expect(engineAll('SELECT 3')).rejects.toMatchObject({ code: 'unavailable' })
  vi.advanceTimersByTime(10_000)
  vi.useRealTimers()
  await other
  expect(await engineAll('SELECT 4')).toEqual([[4]])
  expect(engineNow()?.child.pid).not.toBe(pid)
})

test('what is given up fails; an engine that is killed fails its questions, and the next one gets another', async () => {
  const giveUp = new AbortController()
  const long = engineAll('SELECT sum(a.range * b.range) FROM range(1000000) a, range(100000) b', [], giveUp)
  giveUp.abort()
  await expect(long).rejects.toMatchObject({ code: 'unavailable' })
  const lost = engineAll('SELECT sum(a.range * b.range) FROM range(1000000) a, range(100000) b')
  engineNow()?.child.kill('SIGKILL')
  await expect(lost).rejects.toThrow(/archive/i)
  expect(await engineAll('SELECT 3')).toEqual([[3]])
})
