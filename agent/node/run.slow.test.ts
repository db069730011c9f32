import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { agent, agentJson, enrollAgent, freshDirectory, spawnAgent, until } from '#agent/test/agent-process.ts'
import type { KnownDevice } from '#agent/test/gateway/state.ts'
import { type Gateway, startGateway } from '#agent/test/gateway.ts'
import { utf8Encode } from '#lib/bytes.ts'

let gateway: Gateway
let place: Awaited<ReturnType<typeof freshDirectory>>
let fileId: string
let device: KnownDevice
const children: ChildProcess[] = []

beforeEach(async () => {
  gateway = await startGateway()
  place = await freshDirectory(gateway)
  fileId = gateway.addFile('plan.txt', utf8Encode('the plan'))
  await enrollAgent(gateway, place)
  device = gateway.device()
})

afterEach(async () => {
  for (const child of children.splice(0)) await kill(child)
  await gateway.stop()
  await place.remove()
})

const at = () => ['--dir', place.dir]

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'close')
}

function start(): { child: ChildProcess; output: () => string } {
  const child = spawnAgent(['run', ...at(), '--json'])
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      output += chunk
    })
  }
  children.push(child)
  return { child, output: () => output }
}

async function connected() {
  const running = start()
  await until('the stream', () => device.stream !== null)
  return running
}

const unlocks = () => gateway.state.requests.filter((request) => request === 'POST /unlock').length

describe('a running agent', () => {
  it('sends what other processes queue, at once', async () => {
    const { child } = await connected()
    await agentJson('report', 'screenshot', '--file', fileId, ...at())
    await until('the event', () => device.lines.size === 1)
    expect(await agentJson('status', ...at())).toMatchObject({ running: true })
    child.kill('SIGTERM')
    const [code] = await once(child, 'close')
    expect(code).toBe(0)
  })

  it('is the only one on its directory', async () => {
    await connected()
    const second = await agent('run', ...at())
    expect(second).toMatchObject({ code: 2, stderr: expect.stringContaining('already runs') })
  })

  it('opens offline within the lease, and not after a lock', async () => {
    await connected()
    await agent('open', fileId, '--out', '-', ...at())
    await until('the lease', () => unlocks() >= 2)
    gateway.state.failing = { code: 'unavailable' }
    await until(
      'an offline view',
      async () => (await agent('open', fileId, '--out', '-', ...at())).stdout === 'the plan',
    )
    gateway.state.failing = null
    device.revoked = true
    await gateway.command(device, 'lock')
    await until('the receipt', () => device.receipts.length > 0)
    gateway.state.failing = { code: 'unavailable' }
    expect(await agent('open', fileId, '--out', '-', ...at())).toMatchObject({ code: 6, stdout: '' })
  })

  it('keeps no share where the policy is online only', async () => {
    gateway.setPolicy((document) => {
      document.devices.offlineHours = 0
    })
    gateway.state.leaseSeconds = 0
    await connected()
    await agent('open', fileId, '--out', '-', ...at())
    gateway.state.failing = { code: 'unavailable' }
    expect(await agent('open', fileId, '--out', '-', ...at())).toMatchObject({ code: 6, stdout: '' })
  })

  it('fetches a policy when told', async () => {
    await connected()
    gateway.setPolicy((document) => {
      document.data.screenshot.mode = 'allow'
    })
    await gateway.command(device, 'refresh-policy')
    await until('the receipt', () => device.receipts.some((receipt) => receipt.result === 'refreshed'))
    expect(await agentJson('status', ...at())).toMatchObject({ policyVersion: 2 })
  })

  it('asks for the waiting list where the gateway does not stream', async () => {
    gateway.state.streams = false
    start()
    await gateway.command(device, 'lock')
    await until('the receipt', () => device.receipts.length === 1)
  })

  it('survives a restart of the gateway', async () => {
    const running = await connected()
    device.stream?.destroy()
    await until('the end of the stream', () => running.output().includes('"disconnected"'))
    await until('another stream', () => device.stream !== null)
    await gateway.command(device, 'lock')
    await until('the receipt', () => device.receipts.length === 1)
  })

  it('survives kill -9, sends what was queued and counts on', async () => {
    gateway.state.failing = { code: 'unavailable' }
    const first = start()
    await agentJson('report', 'screenshot', '--file', fileId, ...at())
    await kill(first.child)
    gateway.state.failing = null
    await connected()
    await until('the event', () => device.lines.size === 1)
    await agentJson('report', 'screenshot', '--file', fileId, ...at())
    await until('the next one', () => device.lines.has(2))
  })

  it('erases itself when told and ends', async () => {
    const { child, output } = await connected()
    await agent('open', fileId, '--out', '-', ...at())
    await gateway.command(device, 'wipe')
    const [code] = await once(child, 'close')
    expect(code).toBe(0)
    expect(output()).toContain('"erased"')
    expect(device.receipts).toMatchObject([{ result: 'erased', erased: { files: 1 } }])
    expect((await readdir(place.dir)).sort()).toEqual(['ca.pem', 'keys', 'lock', 'receipts', 'tombstone.json'])
  })

  it('erases itself while it is busy, and leaves nothing behind', async () => {
    const { child } = await connected()
    const reports = Array.from({ length: 4 }, () => agent('report', 'screenshot', '--file', fileId, ...at()))
    await gateway.command(device, 'refresh-policy')
    await gateway.command(device, 'wipe')
    const [code] = await once(child, 'close')
    await Promise.all(reports)
    expect(code).toBe(0)
    expect(device.receipts.at(-1)).toMatchObject({ result: 'erased' })
    await agent('sync', ...at())
    expect((await readdir(place.dir)).sort()).toEqual(['ca.pem', 'keys', 'lock', 'receipts', 'tombstone.json'])
  })

  it('tells a clone, and still lets it be erased', async () => {
    const { output } = await connected()
    await agentJson('report', 'screenshot', '--file', fileId, ...at())
    await until('the event', () => device.lines.size === 1)
    // As if a copy had spoken first with the next number.
    device.lines.set(2, '{"other":"bytes"}')
    await agent('report', 'screenshot', '--file', fileId, ...at())
    await until('the suspicion', () => output().includes('clone_suspected'))
    await gateway.command(device, 'wipe')
    await until('the receipt', () => device.receipts.length === 1)
  })

  it('killed at any moment of an erasure leaves the right receipt after the next start', async () => {
    await agent('open', fileId, '--out', '-', ...at())
    const { child } = await connected()
    await gateway.command(device, 'wipe')
    setTimeout(() => child.kill('SIGKILL'), Math.random() * 40)
    await once(child, 'close')
    await until('the receipt', async () => {
      await agent('sync', ...at())
      return device.receipts.length === 1
    })
    expect(device.receipts).toMatchObject([{ result: 'erased', erased: { files: 1 } }])
    expect(await agentJson('status', ...at())).toMatchObject({ status: 'wiped', receipt: 'accepted' })
  })
})
