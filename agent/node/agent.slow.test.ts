import { access, cp, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { agent, agentJson, enrollAgent, type Finished, freshDirectory } from '#agent/test/agent-process.ts'
import { type Gateway, startGateway } from '#agent/test/gateway.ts'
import { utf8Encode } from '#lib/bytes.ts'

let gateway: Gateway
let place: Awaited<ReturnType<typeof freshDirectory>>
let fileId: string

beforeEach(async () => {
  gateway = await startGateway()
  place = await freshDirectory(gateway)
  fileId = gateway.addFile('plan.txt', utf8Encode('the plan'), ['secret'])
})

afterEach(async () => {
  await gateway.stop()
  await place.remove()
})

const at = () => ['--dir', place.dir]

/** One clear line, and nothing that looks like a stack. */
function expectOneLine(finished: Finished, code: number, text: string): void {
  expect(finished.stderr).toContain(text)
  expect(finished.stderr.trim().split('\n')).toHaveLength(1)
  expect(finished.code).toBe(code)
}

async function isThere(name: string): Promise<boolean> {
  return access(join(place.dir, name)).then(
    () => true,
    () => false,
  )
}

describe('enroll', () => {
  it('works and keeps everything for the owner alone', async () => {
    const base = ['enroll', '--gateway', gateway.url, '--code', 'CODE-1', '--ca', place.ca, ...at()]
    const answer = await agentJson(...base, '--name', 'Lin’s phone', '--platform', 'ios')
    expect(answer).toEqual({ deviceId: gateway.device().id, status: 'active' })
    expect((await stat(place.dir)).mode & 0o777).toBe(0o700)
    for (const name of [
      'device.json',
      'keys/sign.jwk',
      'keys/seal.jwk',
      'keys/secret',
      'keys/token',
      'queue/events.db',
    ]) {
      expect((await stat(join(place.dir, name))).mode & 0o777, name).toBe(0o600)
    }
  })

  it('names what is wrong', async () => {
    const run = (...args: string[]) => agent('enroll', '--dir', place.dir, '--ca', place.ca, ...args)
    expectOneLine(await run('--gateway', 'http://127.0.0.1:1', '--code', 'x'), 2, '--gateway')
    expectOneLine(await run('--gateway', gateway.url, '--code', 'x', '--platform', 'os2'), 2, '--platform')
    expectOneLine(await run('--gateway', gateway.url, '--code', 'x', '--name', 'a\u0007b'), 2, 'name')
    expectOneLine(await run('--gateway', gateway.url, '--code', 'WRONG'), 7, 'enrollment_code_invalid')
    expectOneLine(await run('--gateway', gateway.url), 2, '--code')
  })

  it('trusts the given certificates only', async () => {
    const finished = await agent('enroll', '--dir', place.dir, '--gateway', gateway.url, '--code', 'CODE-1')
    expectOneLine(finished, 6, 'cannot be reached')
    await enrollAgent(gateway, place)
    expectOneLine(
      await agent('enroll', '--dir', place.dir, '--gateway', gateway.url, '--code', 'CODE-2'),
      2,
      'enrolled',
    )
  })
})

describe('sync', () => {
  it('tells the facts with the connection as the client sees it', async () => {
    await enrollAgent(gateway, place)
    await agentJson('sync', ...at())
    const [facts] = gateway.device().facts
    expect(facts).toMatchObject({
      tls: { protocol: 'TLSv1.3' },
      capabilities: { eraseDevice: false, keyStore: 'file' },
    })
  })

  it('tells the version of an updated app from then on', async () => {
    await enrollAgent(gateway, place)
    await agentJson('sync', ...at(), '--app-version', '9.1.0')
    await agentJson('sync', ...at())
    const versions = gateway.device().facts.map((facts) => facts.appVersion)
    expect(versions).toEqual(['9.1.0', '9.1.0'])
  })

  it('speaks with a wrong clock', async () => {
    gateway.state.clockAheadMs = 3 * 86_400_000
    await enrollAgent(gateway, place)
    await gateway.command(gateway.device(), 'refresh-policy')
    const { commands } = await agentJson('sync', ...at())
    expect(commands).toMatchObject([{ kind: 'done', type: 'refresh-policy' }])
    expect(gateway.device().receipts).toMatchObject([{ result: 'refreshed' }])
  })

  it('keeps the queue while the gateway cannot take it', async () => {
    await enrollAgent(gateway, place)
    gateway.state.failing = { code: 'unavailable', retryAfter: '7' }
    await agentJson('report', 'screenshot', '--file', fileId, ...at())
    expectOneLine(await agent('sync', ...at()), 6, 'Try again in 7 s')
    gateway.state.failing = null
    expect(await agentJson('status', ...at())).toMatchObject({ events: { lastSeq: 1, waiting: 1 } })
    expect(await agentJson('sync', ...at())).toMatchObject({ events: { sent: 1 } })
    expect(await agentJson('status', ...at())).toMatchObject({ events: { lastSeq: 1, waiting: 0 }, running: false })
  })

  it('sends again what was not acknowledged, byte for byte', async () => {
    await enrollAgent(gateway, place)
    gateway.state.loseEventAnswers = 1
    await agentJson('report', 'screenshot', '--file', fileId, ...at())
    expect(gateway.device().lines.size).toBe(1)
    expect(await agentJson('sync', ...at())).toMatchObject({ events: { sent: 1, duplicates: 1 } })
  })

  it('sends in smaller batches where the gateway asks for it', async () => {
    await enrollAgent(gateway, place)
    gateway.state.failing = { code: 'unavailable' }
    for (let i = 0; i < 5; i++) await agentJson('report', 'screenshot', '--file', fileId, ...at())
    gateway.state.failing = null
    gateway.state.maxEventBytes = 1_000
    expect(await agentJson('sync', ...at())).toMatchObject({ events: { sent: 5 } })
    expect(gateway.events(gateway.device()).map((event) => event.seq)).toEqual([1, 2, 3, 4, 5])
  })
})

describe('files', () => {
  it('are listed, viewed, and recorded before they are shown', async () => {
    await enrollAgent(gateway, place)
    const { items } = (await agentJson('files', ...at())) as { items: { id: string; name: string }[] }
    expect(items).toMatchObject([{ id: fileId, name: 'plan.txt', labels: ['secret'] }])
    expect(await agent('open', fileId, '--out', '-', ...at())).toEqual({ code: 0, stdout: 'the plan', stderr: '' })
    expect(gateway.events(gateway.device())).toMatchObject([
      {
        seq: 1,
        action: 'file.view',
        outcome: 'allowed',
        enforcement: 'none',
        target: { type: 'file', id: fileId },
        labels: ['secret'],
        policy: { version: 1, rule: 'data.view' },
      },
    ])
  })

  it('rest encrypted, and are fetched once', async () => {
    await enrollAgent(gateway, place)
    await agent('open', fileId, '--out', '-', ...at())
    await agent('open', fileId, '--out', '-', ...at())
    expect(gateway.state.fileReleases).toBe(1)
    for (const name of await readdir(join(place.dir, 'vault'))) {
      expect((await readFile(join(place.dir, 'vault', name))).includes('the plan')).toBe(false)
    }
    const queue = await readFile(join(place.dir, 'queue/events.db'))
    expect(queue.includes('file.view')).toBe(false)
  })

  it('stay shut without the gateway and without a lease', async () => {
    await enrollAgent(gateway, place)
    await agent('open', fileId, '--out', '-', ...at())
    gateway.state.failing = { code: 'unavailable' }
    const finished = await agent('open', fileId, '--out', '-', ...at())
    expectOneLine(finished, 6, 'locked')
    expect(finished.stdout).toBe('')
  })

  it('stay shut on a blocked device, and the attempt is recorded', async () => {
    await enrollAgent(gateway, place)
    await agent('open', fileId, '--out', '-', ...at())
    gateway.device().revoked = true
    expectOneLine(await agent('open', fileId, '--out', '-', ...at()), 5, 'blocked')
    expectOneLine(await agent('sync', ...at()), 5, 'blocked')
    gateway.device().revoked = false
    await agentJson('sync', ...at())
    expect(gateway.events(gateway.device()).at(-1)).toMatchObject({
      action: 'file.view',
      outcome: 'denied',
      detail: { code: 'device_revoked' },
    })
  })

  it('are dropped from the vault when the server no longer lists them', async () => {
    await enrollAgent(gateway, place)
    await agent('open', fileId, '--out', '-', ...at())
    gateway.state.files.clear()
    await agentJson('sync', ...at())
    expect(await readdir(join(place.dir, 'vault'))).toEqual([])
  })

  it('refuse an id that is not one', async () => {
    await enrollAgent(gateway, place)
    expectOneLine(await agent('open', '../keys/secret', '--out', '-', ...at()), 2, 'FILE-ID')
  })
})

describe('policy', () => {
  it('is obeyed on the next event', async () => {
    await enrollAgent(gateway, place)
    gateway.setPolicy((document) => {
      document.data.forward = { mode: 'internal', internalDomains: ['example.com'], askReason: false }
      document.data.download.mode = 'ask_reason'
      document.data.screenshot.mode = 'block'
    })
    const out = join(place.root, 'out.txt')
    expectOneLine(await agent('open', fileId, '--out', out, ...at()), 3, '--reason')
    await expect(access(out)).rejects.toThrow()
    await agentJson('open', fileId, '--out', out, '--reason', 'audit', ...at())
    expect(await readFile(out, 'utf8')).toBe('the plan')
    expect(await agentJson('report', 'screenshot', '--file', fileId, ...at())).toMatchObject({
      outcome: 'allowed',
      enforcement: 'detected',
      rule: 'data.screenshot',
      policyVersion: 2,
    })
    const told = gateway.events(gateway.device()).map((event) => [event.action, event.outcome, event.policy?.version])
    expect(told).toEqual([
      ['file.download', 'denied', 2],
      ['file.download', 'allowed', 2],
      ['screenshot.attempt', 'allowed', 2],
    ])
    expect(gateway.state.fileReleases).toBe(1)
  })

  it('prevents a screenshot where the host app has a listed mechanism', async () => {
    gateway.setPolicy((document) => {
      document.data.screenshot.mode = 'block'
    })
    const facts = { platform: 'android', osVersion: '15', preventCapture: true }
    await enrollAgent(gateway, place, facts)
    expectOneLine(await agent('report', 'screenshot', '--file', fileId, ...at()), 0, '')
    expect(gateway.events(gateway.device())).toMatchObject([
      { outcome: 'denied', enforcement: 'prevented', detail: { mechanism: 'android.FLAG_SECURE' } },
    ])
  })
})

describe('clone', () => {
  it('is told and stops recording', async () => {
    await enrollAgent(gateway, place)
    gateway.state.failing = { code: 'unavailable' }
    const copy = join(place.root, 'copy')
    await cp(place.dir, copy, { recursive: true })
    await agentJson('report', 'screenshot', '--file', fileId, ...at())
    await agentJson('report', 'screenshot', '--file', fileId, '--dir', copy)
    gateway.state.failing = null
    await agentJson('sync', ...at())
    expectOneLine(await agent('sync', '--dir', copy), 5, 'another copy')
    expectOneLine(await agent('open', fileId, '--out', '-', '--dir', copy), 5, 'another copy')
    expect(await agentJson('status', '--dir', copy)).toMatchObject({ status: 'blocked', events: { waiting: 1 } })
  })
})

describe('wipe', () => {
  it('leaves a receipt and a tombstone, and says so ever after', async () => {
    await enrollAgent(gateway, place)
    await agent('open', fileId, '--out', '-', ...at())
    const device = gateway.device()
    const { command } = await gateway.command(device, 'wipe')
    const stored = (await stat(join(place.dir, 'vault', fileId))).size
    expect(await agentJson('sync', ...at())).toMatchObject({ status: 'wiped', tombstone: { receipt: 'accepted' } })
    expect(device.receipts).toMatchObject([
      { commandId: command.id, result: 'erased', erased: { files: 1, bytes: stored }, scope: 'organisation-data' },
    ])
    expect((await readdir(place.dir)).sort()).toEqual(['ca.pem', 'keys', 'lock', 'receipts', 'tombstone.json'])
    expect(await readdir(join(place.dir, 'keys'))).toEqual([])
    expect(await readdir(join(place.dir, 'receipts'))).toEqual([`${command.id}.jws`])
    for (const args of [
      ['sync'],
      ['run'],
      ['files'],
      ['open', fileId, '--out', '-'],
      ['forward', fileId, '--to', 'a@b.c'],
    ]) {
      expectOneLine(await agent(...args, ...at()), 4, 'This device was erased on 20')
    }
    expect(await agentJson('status', ...at())).toMatchObject({ status: 'wiped', receipt: 'accepted' })
    const again = ['enroll', '--gateway', gateway.url, '--code', 'CODE-2', '--ca', place.ca]
    expectOneLine(await agent(...again, ...at()), 4, 'erased')
  })

  it('sends the receipt later where the gateway is away', async () => {
    await enrollAgent(gateway, place)
    const device = gateway.device()
    const { jws } = await gateway.command(device, 'wipe')
    // The order arrives, the answer to the receipt does not.
    const { resumeWith } = await import('#agent/test/offline-wipe.ts')
    await resumeWith(place.dir, jws)
    expect(await agentJson('status', ...at())).toMatchObject({ status: 'wiped', receipt: 'waiting' })
    expect(await isThere('keys/secret')).toBe(false)
    expect(await isThere('keys/sign.jwk')).toBe(true)
    expectOneLine(await agent('sync', ...at()), 4, 'erased')
    expect(device.receipts).toHaveLength(1)
    expect(await isThere('keys/sign.jwk')).toBe(false)
  })

  it('opens nothing in a copy made before, once the server destroyed its share', async () => {
    await enrollAgent(gateway, place)
    await agent('open', fileId, '--out', '-', ...at())
    const copy = join(place.root, 'copy')
    await cp(place.dir, copy, { recursive: true })
    gateway.device().share = null
    gateway.device().revoked = true
    expect(await agent('open', fileId, '--out', '-', '--dir', copy)).toMatchObject({ code: 5, stdout: '' })
    gateway.state.failing = { code: 'unavailable' }
    expect(await agent('open', fileId, '--out', '-', '--dir', copy)).toMatchObject({ code: 6, stdout: '' })
  })
})
