import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { holderOf, tryLock, withLock } from './lock.mjs'

let dir: string
let file: string
beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'gatehouse-lock-'))
  file = path.join(dir, 'the.lock')
})
afterEach(() => fs.rmSync(dir, { recursive: true }))

const MODULE = path.resolve(import.meta.dirname, 'lock.mjs')

test('one holder at a time; released, it is free again', () => {
  const release = tryLock(file, 'test')
  expect(release).toBeDefined()
  expect(tryLock(file, 'again')).toBeUndefined()
  expect(holderOf(file)).toMatchObject({ pid: process.pid, purpose: 'test' })
  release?.()
  expect(holderOf(file)).toBeUndefined()
  expect(fs.readdirSync(dir)).toEqual([])
})

test('a holder killed outright does not block', () => {
  const code = `import { tryLock } from ${JSON.stringify(MODULE)}; tryLock(${JSON.stringify(file)}, 'x'); process.kill(process.pid, 'SIGKILL')`
  spawnSync(process.execPath, ['--input-type=module', '-e', code])
  expect(fs.existsSync(file)).toBe(true)
  expect(tryLock(file, 'next')).toBeDefined()
})

test('a reused process number does not block', () => {
  fs.writeFileSync(file, JSON.stringify({ pid: process.pid, born: 'another boot:1', purpose: 'old' }))
  expect(tryLock(file, 'next')).toBeDefined()
})

test('half-written content does not block', () => {
  fs.writeFileSync(file, '{"pid": 12')
  expect(tryLock(file, 'next')).toBeDefined()
})

test('several processes that clear the same stale lock: never two inside at once', async () => {
  fs.writeFileSync(file, JSON.stringify({ pid: 999_999_999, born: 'x', purpose: 'old' }))
  const log = path.join(dir, 'log')
  const code = `
    import fs from 'node:fs'
    import { withLock } from ${JSON.stringify(MODULE)}
    await withLock(${JSON.stringify(file)}, 'turn', async () => {
      fs.appendFileSync(${JSON.stringify(log)}, 'in ')
      await new Promise((done) => setTimeout(done, 30))
      fs.appendFileSync(${JSON.stringify(log)}, 'out ')
    })`
  const runs = Array.from({ length: 5 }, () => spawn(process.execPath, ['--input-type=module', '-e', code]))
  await Promise.all(runs.map((run) => new Promise((done) => run.once('exit', done))))
  expect(fs.readFileSync(log, 'utf8')).toBe('in out '.repeat(5))
})

test('who waits hears who holds it, and goes on when it is free', async () => {
  const release = tryLock(file, 'first')
  setTimeout(() => release?.(), 50)
  const heard: unknown[] = []
  expect(
    await withLock(
      file,
      'second',
      () => 'done',
      (holder) => heard.push(holder?.purpose),
    ),
  ).toBe('done')
  expect(heard).toEqual(['first'])
})
