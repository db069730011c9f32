import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { defaultPolicy } from '#protocol/policy/document.ts'
import { publishFile } from '#server/content/commands.ts'
import { blockDevice, createEnrollmentCode, requestWipe, unblockDevice } from '#server/devices/commands.ts'
import { getDevice, getWipe } from '#server/devices/queries.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { releaseDelayedRequest } from '#server/kernel/brake-decisions.ts'
import { testingOnlyAdvanceClock, testingOnlyResetClock } from '#server/kernel/clock.ts'
import { publishTighterPolicy, saveDraft } from '#server/policies/commands.ts'
import { makeGrant, makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { type StartedGateway, startGateway } from './test/started-gateway.ts'

const ENTRY = fileURLToPath(new URL('../agent/node/main.ts', import.meta.url))

// The agent is a process of its own for every step.
vi.setConfig({ testTimeout: 60_000 })

const db = useDatabase()
let gateway: StartedGateway
let owner: PersonActor
let root: string
let fileId: string
const running: ChildProcess[] = []

beforeAll(async () => {
  gateway = await startGateway(db.dataDir)
  owner = await makePerson(await makeTenant(), { role: 'owner', founder: true })
  root = mkdtempSync(join(tmpdir(), 'gatehouse-agent-'))
  const content = new TextEncoder().encode('The plan')
  const file = await publishFile(owner, {
    name: 'Plan.txt',
    mediaType: 'text/plain',
    labels: [],
    audience: 'everyone',
    content,
  })
  fileId = file.id
})

afterAll(async () => {
  for (const child of running) child.kill('SIGKILL')
  await gateway.stop()
  rmSync(root, { recursive: true, force: true })
})

function start(args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [ENTRY, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  running.push(child)
  return child
}

async function agent(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = start(args)
  const said = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.on('data', (chunk) => {
      said[name] += chunk
    })
  }
  const [code] = await once(child, 'close')
  return { code, ...said }
}

async function enrolled(name: string): Promise<{ dir: string; deviceId: string }> {
  const dir = join(root, name)
  const { code } = await createEnrollmentCode(owner, { personId: owner.personId })
  const base = ['enroll', '--gateway', gateway.url, '--code', code, '--dir', dir, '--ca', gateway.caFile, '--json']
  const { stdout, stderr } = await agent(...base, '--name', name)
  if (!stdout) throw new Error(stderr)
  return { dir, ...(JSON.parse(stdout) as { deviceId: string }) }
}

/** A fresh second factor for exactly this request. */
async function granted<I>(command: { requestHash(input: I): Uint8Array }, input: I) {
  return { stepUpGrantId: await makeGrant(owner, command.requestHash(input)) }
}

async function until<T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> {
  for (const end = Date.now() + 15_000; Date.now() < end; ) {
    const found = await look()
    if (found) return found
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`waited in vain for ${what}`)
}

async function logged(action: string, deviceId: string) {
  const log = await readLog(db, owner.tenantId)
  return log.map(({ entry }) => entry).filter((entry) => entry.action === action && entry.device?.id === deviceId)
}

describe('the real agent', () => {
  it('lives through the story of the lost phone', async () => {
    const { dir, deviceId } = await enrolled('phone')
    const device = () => getDevice(owner, { deviceId })
    const run = start(['run', '--dir', dir, '--json'])
    await until('its facts', async () => (await device()).tls)
    expect(await device()).toMatchObject({ status: 'active', name: 'phone', tls: { protocol: 'TLSv1.3' } })

    expect(await agent('open', fileId, '--dir', dir, '--out', '-')).toEqual({ code: 0, stdout: 'The plan', stderr: '' })
    await agent('report', 'screenshot', '--file', fileId, '--dir', dir)
    const [attempt] = await until('the attempt', async () => {
      const found = await logged('screenshot.attempt', deviceId)
      return found.length > 0 && found
    })
    expect(attempt).toMatchObject({ outcome: 'allowed', enforcement: 'detected', policy: { rule: 'data.screenshot' } })
    expect(await logged('file.view', deviceId)).toHaveLength(1)

    const document = defaultPolicy()
    document.data.forward.mode = 'block'
    await saveDraft(owner, { policyId: owner.tenantId, document })
    await publishTighterPolicy(owner, { policyId: owner.tenantId })
    const forward = await agent('forward', fileId, '--to', 'eve@example.org', '--dir', dir)
    expect(forward).toMatchObject({ code: 3, stderr: expect.stringContaining('data.forward, version 2') })

    await blockDevice(owner, { deviceId }, await granted(blockDevice, { deviceId }))
    expect(await agent('open', fileId, '--dir', dir, '--out', '-')).toMatchObject({ code: 5, stdout: '' })
    await unblockDevice(owner, { deviceId }, await granted(unblockDevice, { deviceId }))
    await until('the vault', async () => (await agent('open', fileId, '--dir', dir, '--out', '-')).code === 0)

    const input = { deviceId, scope: 'organisation-data' as const, reason: 'lost' }
    const { id: wipeId } = await requestWipe(owner, input, await granted(requestWipe, input))
    testingOnlyAdvanceClock(31_000)
    await releaseDelayedRequest(owner.tenantId, wipeId)
    testingOnlyResetClock()
    const [code] = run.exitCode === null ? await once(run, 'close') : [run.exitCode]
    expect(code).toBe(0)
    const wipe = await getWipe(owner, { wipeId })
    expect(wipe).toMatchObject({ state: 'erased', receipt: { result: 'erased', files: 1, verified: true } })
    expect(readdirSync(dir).sort()).toEqual(['ca.pem', 'keys', 'lock', 'receipts', 'tombstone.json'])
    expect((await agent('open', fileId, '--dir', dir, '--out', '-')).stderr).toContain('This device was erased on')
    expect(await logged('device.command.refused', deviceId)).toEqual([])
  })

  it('tells a copy of its directory, and both are blocked', async () => {
    const { dir, deviceId } = await enrolled('twin')
    const copy = join(root, 'copy')
    cpSync(dir, copy, { recursive: true })
    expect((await agent('report', 'screenshot', '--file', fileId, '--dir', dir)).code).toBe(0)
    const second = await agent('report', 'screenshot', '--file', fileId, '--dir', copy)
    expect(second).toMatchObject({ code: 5, stderr: expect.stringContaining('another copy') })
    expect(await getDevice(owner, { deviceId })).toMatchObject({ status: 'blocked' })
    expect(await logged('device.clone_suspected', deviceId)).toHaveLength(1)
  })

  it('trusts no other certificate than it was given', async () => {
    const args = ['enroll', '--gateway', gateway.url, '--code', 'x', '--dir', join(root, 'none')]
    expect(await agent(...args)).toMatchObject({ code: 6, stderr: expect.stringContaining('cannot be reached') })
  })
})
