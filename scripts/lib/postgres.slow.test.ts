import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { afterEach, expect, inject, test } from 'vitest'
import { openPostgres, type RunningPostgres, startPostgres } from './postgres.mjs'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

function dataDir(mode = 0o711): string {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'gatehouse-test-'))
  fs.chmodSync(dir, mode)
  cleanups.push(() => {
    const cluster = path.join(dir, 'postgres')
    if (fs.lstatSync(cluster).isSymbolicLink()) fs.rmSync(path.dirname(fs.readlinkSync(cluster)), { recursive: true })
    fs.rmSync(dir, { recursive: true })
  })
  return dir
}

async function start(dir: string): Promise<RunningPostgres> {
  const postgres = await startPostgres({ dataDir: dir })
  cleanups.push(postgres.stop)
  return postgres
}

async function query(url: string, sql: string): Promise<unknown[][]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<unknown[]>({ text: sql, rowMode: 'array' })).rows
  } finally {
    await client.end()
  }
}

test('what was committed survives kill -9 of the server, and the port stays', async () => {
  const dir = dataDir()
  const first = await start(dir)
  await query(first.url, 'CREATE TABLE kept AS SELECT 7 AS n')
  process.kill(first.pid ?? 0, 'SIGKILL')
  await first.exited
  const second = await start(dir)
  expect(await query(second.url, 'SELECT n FROM kept')).toEqual([[7]])
  expect(second.port).toBe(first.port)
})

test('is durable, checksummed, UTF-8 and only on loopback', async () => {
  const { url } = await start(dataDir())
  const names = ['data_checksums', 'fsync', 'synchronous_commit', 'server_encoding', 'listen_addresses', 'TimeZone']
  const rows = await query(url, names.map((name) => `SELECT current_setting('${name}')`).join(' UNION ALL '))
  expect(rows.flat()).toEqual(['on', 'on', 'on', 'UTF8', '127.0.0.1', 'UTC'])
})

test('the password is needed, random, and readable by its owner alone', async () => {
  const dir = dataDir()
  const { url } = await start(dir)
  await expect(query(url.replace(/postgres:[^@]+@/, 'postgres:wrong@'), 'SELECT 1')).rejects.toThrow(
    /password authentication failed/,
  )
  expect(fs.statSync(path.join(dir, 'secrets.json')).mode & 0o777).toBe(0o600)
})

test('a second start on the same data directory is refused; a short command joins the running one', async () => {
  const dir = dataDir()
  const { url } = await start(dir)
  await expect(startPostgres({ dataDir: dir })).rejects.toThrow(/is in use by process \d+$/)
  expect((await openPostgres({ dataDir: dir })).url).toBe(url)
})

test('under root the cluster stays in the data directory where its account can reach it, else it is linked from there', async () => {
  const isRoot = process.getuid?.() === 0
  for (const [mode, isLinked] of [
    [0o711, false],
    [0o700, isRoot],
  ] as const) {
    const dir = dataDir(mode)
    const { url } = await start(dir)
    expect(fs.lstatSync(path.join(dir, 'postgres')).isSymbolicLink()).toBe(isLinked)
    expect(await query(url, 'SELECT 1')).toEqual([[1]])
  }
})

test('two data directories run side by side', async () => {
  const [one, two] = await Promise.all([start(dataDir()), start(dataDir())])
  expect(one.port).not.toBe(two.port)
})

test('a pid file left behind, whose number another process has now, does not block the start', async () => {
  const dir = dataDir()
  const first = await start(dir)
  await first.stop()
  const cluster = fs.realpathSync(path.join(dir, 'postgres'))
  fs.writeFileSync(path.join(cluster, 'postmaster.pid'), `${process.pid}\n${cluster}\n1\n${first.port}\n\n\n\nready\n`)
  expect(await query((await start(dir)).url, 'SELECT 1')).toEqual([[1]])
})

test('the test run has a throw-away server of its own', async () => {
  expect(await query(inject('adminUrl'), "SELECT current_setting('fsync')")).toEqual([['off']])
})
