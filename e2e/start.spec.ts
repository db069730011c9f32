import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { expect, test } from '@playwright/test'
import pg from 'pg'
import { watchCrowding } from './support/crowding.ts'
import { type Instance, type ProcessName, startInstance } from './support/instance.ts'

test.describe.configure({ mode: 'serial' })

let instance: Instance

test.beforeAll(async () => {
  instance = await startInstance()
})

test.afterAll(async () => {
  await instance?.stop()
})

/** A start that is expected to be refused: its exit code and what it says on standard error. */
function refusedStart(env: Record<string, string>): { status: number | null; line: string } {
  const start = path.resolve(import.meta.dirname, '../scripts/start.mjs')
  const refused = { ...instance.env, ...env } as NodeJS.ProcessEnv
  const { status, stderr } = spawnSync(process.execPath, [start], { env: refused, encoding: 'utf8', timeout: 60_000 })
  return { status, line: stderr.trim() }
}

function pids(): Record<ProcessName, number> {
  return JSON.parse(fs.readFileSync(path.join(instance.dataDir, 'processes.json'), 'utf8'))
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function isReady(): Promise<boolean> {
  return (await fetch(`${instance.consoleUrl}/readyz`).catch(() => undefined))?.status === 200
}

test('the first start prints a setup link, and every process is up', async () => {
  expect(instance.setupUrl).toMatch(new RegExp(`^${instance.consoleUrl}/setup\\?token=.{20,}$`))
  expect(Object.values(pids()).every(isRunning)).toBe(true)
  expect(await isReady()).toBe(true)
  expect(fs.statSync(path.join(instance.dataDir, 'secrets.json')).mode & 0o777).toBe(0o600)
  expect(fs.statSync(path.join(instance.dataDir, 'keys')).mode & 0o777).toBe(0o700)
  // What names the log of an organisation that is founded by a command without these settings.
  const known = path.join(instance.dataDir, 'gateway-url')
  await expect.poll(() => fs.existsSync(known) && fs.readFileSync(known, 'utf8')).toBe(`${instance.gatewayUrl}\n`)
})

test('its log is JSON lines', () => {
  const lines = instance.logs().split('\n')
  const announced = /^(Gatehouse is ready| {2}(Setup|Console|Gateway) {2,}\S+.*)$/
  const logged = lines.slice(lines.findIndex((line) => line.startsWith('{'))).filter((line) => !announced.test(line))
  expect(logged.length).toBeGreaterThan(0)
  for (const line of logged) expect(JSON.parse(line)).toHaveProperty('component')
})

for (const name of ['gateway', 'worker', 'console', 'postgres'] as const) {
  test(`kill -9 of the ${name}: it is back and the product is ready again`, async () => {
    const before = pids()[name]
    instance.kill(name)
    await expect.poll(() => [pids()[name], before].every(Boolean) && pids()[name] !== before).toBe(true)
    await expect.poll(isReady).toBe(true)
  })
}

test('a second start on the same data directory is refused in one line', () => {
  const { status, line } = refusedStart({ PORT: '1', GATEWAY_PORT: '2' })
  expect(status).toBe(1)
  expect(line).toMatch(
    /^gatehouse: .* is in use by another Gatehouse \(process \d+\): stop it or set GATEHOUSE_DATA_DIR$/,
  )
})

test('a port that something else holds is refused by name', () => {
  const { status, line } = refusedStart({ GATEHOUSE_DATA_DIR: test.info().outputPath('data') })
  expect(status).toBe(1)
  expect(line).toMatch(/^gatehouse: PORT \d+ is in use on 127\.0\.0\.1/)
})

test('a bad value is refused with the name of its variable and what is allowed', () => {
  const { status, line } = refusedStart({ GATEWAY_PORT: 'eight', GATEHOUSE_URL: 'http://console.example' })
  expect(status).toBe(1)
  expect(line).toBe('gatehouse: GATEWAY_PORT must be a port number from 1 to 65535')
})

test('stops within 10 s, leaves nothing running, and is ready again in under 5 s', async () => {
  const before = pids()
  const stoppedAt = performance.now()
  await instance.stop({ remove: false })
  expect(performance.now() - stoppedAt).toBeLessThan(10_000)
  expect(Object.values(before).filter(isRunning)).toEqual([])
  const crowding = watchCrowding()
  const startedAt = performance.now()
  await instance.restart()
  const tookMs = performance.now() - startedAt
  expect(tookMs).toBeLessThan(5_000 * crowding())
})

test('kill -9 of the supervisor takes everything with it, and a start at once recovers', async () => {
  const before = pids()
  instance.kill('supervisor')
  await instance.restart()
  await expect.poll(() => Object.values(before).filter(isRunning)).toEqual([])
  expect(await isReady()).toBe(true)
})

test('a database of a newer version is refused in one line', async () => {
  const { postgresPassword, postgresPort } = JSON.parse(
    fs.readFileSync(path.join(instance.dataDir, 'secrets.json'), 'utf8'),
  )
  const client = new pg.Client(`postgresql://postgres:${postgresPassword}@127.0.0.1:${postgresPort}/gatehouse`)
  await client.connect()
  await client.query(`INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
    VALUES ('later', '', '29990101000000_later', now(), 1)`)
  await client.end()
  await instance.stop({ remove: false })
  const { status, line } = refusedStart({})
  expect(status).toBe(1)
  expect(line).toMatch(/^gatehouse: .*newer/)
})
