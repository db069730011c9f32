import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { agent, agentJson, enrollAgent, freshDirectory } from '#agent/test/agent-process.ts'
import { type Gateway, startGateway } from '#agent/test/gateway.ts'
import { utf8Encode } from '#lib/bytes.ts'

let gateway: Gateway
let place: Awaited<ReturnType<typeof freshDirectory>>
let fileId: string

beforeEach(async () => {
  gateway = await startGateway()
  place = await freshDirectory(gateway)
  fileId = gateway.addFile('plan.txt', utf8Encode('the plan'), ['secret'])
  gateway.state.people.add('bo@example.com')
  await enrollAgent(gateway, place)
})

afterEach(async () => {
  await gateway.stop()
  await place.remove()
})

const forward = (to: string, ...more: string[]) => ['forward', fileId, '--to', to, ...more, '--dir', place.dir]
const events = () => gateway.events(gateway.device())

describe('forward', () => {
  it('is the server’s to decide and to record; the copy is named', async () => {
    const copied = await agentJson(...forward('bo@example.com', '--reason', 'For review'))
    expect(copied).toMatchObject({ outcome: 'allowed', rule: 'data.forward', policyVersion: 1, to: 'bo@example.com' })
    expect(copied.fileId).toMatch(/^[0-9a-f-]{36}$/)
    expect(await agentJson(...forward('eve@elsewhere.example'))).toMatchObject({ fileId: null, name: 'plan.txt' })
    expect(gateway.state.forwards).toEqual([
      { fileId, to: 'bo@example.com', reason: 'For review' },
      { fileId, to: 'eve@elsewhere.example' },
    ])
    expect(events()).toEqual([])
  })

  it('that the policy forbids exits with 3 and says which rule', async () => {
    gateway.setPolicy((document) => {
      document.data.forward = { mode: 'internal', internalDomains: ['example.com'], askReason: true }
    })
    const outside = await agent(...forward('eve@elsewhere.example'))
    expect(outside).toMatchObject({ code: 3, stderr: expect.stringContaining('data.forward, version 2') })
    expect((await agent(...forward('bo@example.com'))).code).toBe(3)
    expect((await agent(...forward('bo@example.com', '--reason', 'x'))).code).toBe(0)
  })

  it('of a blocked device exits with 5, and the attempt is recorded', async () => {
    gateway.device().revoked = true
    expect((await agent(...forward('bo@example.com'))).code).toBe(5)
    gateway.device().revoked = false
    await agent('sync', '--dir', place.dir)
    expect(events()).toMatchObject([{ action: 'file.forward', outcome: 'denied', detail: { code: 'device_revoked' } }])
  })

  it('without the gateway does not happen; that somebody tried is recorded by the policy on the device', async () => {
    gateway.state.failing = { code: 'unavailable' }
    const tried = await agent(...forward('bo@example.com'))
    expect(tried.code).toBe(6)
    expect(tried.stderr.trim().split('\n')).toHaveLength(1)
    gateway.state.failing = null
    gateway.setPolicy((document) => {
      document.data.forward.mode = 'block'
    })
    await agent('sync', '--dir', place.dir)
    gateway.state.failing = { code: 'unavailable' }
    expect(await agent(...forward('bo@example.com'))).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('data.forward, version 2'),
    })
    gateway.state.failing = null
    await agent('sync', '--dir', place.dir)
    expect(events()).toMatchObject([
      { action: 'file.forward', outcome: 'failed', detail: { code: 'offline', to: 'bo@example.com' } },
      { action: 'file.forward', outcome: 'denied', policy: { version: 2, rule: 'data.forward' } },
    ])
    expect(gateway.state.forwards).toEqual([])
  })
})
