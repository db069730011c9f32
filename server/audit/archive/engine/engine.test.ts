import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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

test('what is given up fails; an engine that is killed fails its questions, and the next one gets another', async () => {
  const giveUp = new AbortController()
  const long = engineAll('SELECT sum(a.range * b.range) FROM range(1000000) a, range(100000) b', [], giveUp)
  giveUp.abort()
  await expect(long).rejects.toMatchObject({ code: 'unavailable' })
  const lost = engineAll('SELECT sum(a.range * b.range) FROM range(1000000) a, range(100000) b')
  const { child } = (globalThis as Record<symbol, { child: { kill(signal: string): void } }>)[
    Symbol.for('gatehouse.archive.engine')
  ] ?? { child: null }
  child?.kill('SIGKILL')
  await expect(lost).rejects.toThrow(/archive/i)
  expect(await engineAll('SELECT 3')).toEqual([[3]])
})
