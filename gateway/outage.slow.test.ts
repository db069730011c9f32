import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import type { PersonActor } from '#server/kernel/actor.ts'
import { runtime } from '#server/kernel/runtime.ts'
import { makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { eventLines, ProtocolDevice } from './test/protocol-device.ts'
import { freePort, startGateway } from './test/started-gateway.ts'

// Processes are started and killed, on machines that do other things as well.
vi.setConfig({ testTimeout: 60_000 })

const db = useDatabase()
let admin: PersonActor

beforeAll(async () => {
  admin = await makePerson(await makeTenant(), { role: 'owner', founder: true })
})

async function until<T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> {
  for (let n = 0; n < 300; n++) {
    const found = await look().catch(() => undefined)
    if (found) return found
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`waited in vain: ${what}`)
}

/** One event a number, as a device's queue holds it: sent again after a lost answer, it must be the same bytes. */
const kept = new Map<number, string>()
const lineOf = (seq: number): string => {
  const line = kept.get(seq) ?? eventLines(seq, 1).trimEnd()
  kept.set(seq, line)
  return line
}

const events = (device: ProtocolDevice, first: number, count: number) => {
  const body = Array.from({ length: count }, (_, n) => `${lineOf(first + n)}\n`).join('')
  return device.call({ method: 'POST', path: '/events', body, type: 'application/x-ndjson' })
}

const viewsOf = async (deviceId: string) =>
  (await readLog(db, admin.tenantId)).filter(
    ({ entry }) => entry.action === 'file.view' && entry.device?.id === deviceId,
  ).length

describe('without its database', () => {
  const name = () => new URL(db.adminUrl).pathname.slice(1)
  const allow = async (connections: boolean) => {
    const url = new URL(db.adminUrl)
    url.pathname = '/postgres'
    const client = new pg.Client({ connectionString: url.href })
    await client.connect()
    await client.query(`ALTER DATABASE ${name()} ALLOW_CONNECTIONS ${connections}`)
    const others = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND usename <> current_user`
    if (!connections) await client.query(others, [name()])
    await client.end()
  }

  it('the gateway answers 503 with Retry-After, acknowledges nothing, and goes on when it is back', async () => {
    const gateway = await startGateway(db.dataDir)
    const device = await ProtocolDevice.enroll(gateway, admin)
    const stream = await device.open({ path: '/commands', headers: { accept: 'text/event-stream' } })
    stream.resume()
    await allow(false)
    try {
      const refused = await events(device, 1, 10)
      expect(refused.json).toMatchObject({ status: 503, code: 'unavailable' })
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
      expect((await device.call({ path: '/policy' })).status).toBe(503)
    } finally {
      await allow(true)
    }
    const accepted = await until('the database', async () => {
      const answer = await events(device, 1, 10)
      return answer.status === 200 && answer
    })
    expect(accepted.json).toEqual({ acceptedThrough: 10, duplicates: 0, rejected: [] })
    expect(await viewsOf(device.id)).toBe(10)
    stream.destroy()
    device.close()
    await gateway.stop()
  })
})

describe('the process', () => {
  const ENTRY = ['--conditions=react-server', '--disable-warning=ExperimentalWarning', 'gateway/main.ts']

  const start = async (env: Record<string, string>): Promise<ChildProcess> => {
    const child = spawn(process.execPath, ENTRY, {
      env: { ...process.env, NODE_OPTIONS: '', LOG_LEVEL: 'info', GATEHOUSE_DATA_DIR: db.dataDir, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    child.stdout?.on('data', (chunk) => {
      said += chunk
    })
    await until('ready', async () => said.includes('gateway ready'))
    return child
  }

  it('killed in the middle of sending loses nothing that it acknowledged, and nothing comes twice', async () => {
    mkdirSync(join(db.dataDir, 'keys'), { recursive: true })
    const { reader, writer, worker } = runtime().logins
    writeFileSync(join(db.dataDir, 'secrets.json'), JSON.stringify({ database: { reader, writer, worker } }), {
      mode: 0o600,
    })
    const port = await freePort()
    const env = { GATEWAY_PORT: String(port) }
    let child = await start(env)
    const gateway = { url: `https://localhost:${port}`, ca: readFileSync(join(db.dataDir, 'ca.pem'), 'utf8') }
    const device = await ProtocolDevice.enroll(gateway, admin)
    let acknowledged = 0
    for (let round = 0; round < 3; round++) {
      const sending = (async () => {
        for (;;) {
          const { status, json } = await events(device, acknowledged + 1, 50)
          if (status === 200) acknowledged = Number(json.acceptedThrough)
        }
      })().catch(() => undefined)
      await new Promise((resolve) => setTimeout(resolve, 300))
      child.kill('SIGKILL')
      await sending
      expect(await viewsOf(device.id)).toBeGreaterThanOrEqual(acknowledged)
      child = await start(env)
    }
    const { json } = await events(device, acknowledged + 1, 50)
    expect(json.acceptedThrough).toBe(acknowledged + 50)
    expect(await viewsOf(device.id)).toBe(acknowledged + 50)
    const stream = await device.open({ path: '/commands', headers: { accept: 'text/event-stream' } })
    stream.resume()
    const startedMs = performance.now()
    child.kill('SIGTERM')
    const [code] = await once(child, 'exit')
    expect([code, performance.now() - startedMs < 5_000]).toEqual([0, true])
    device.close()
  })
})
