import { describe, expect, it } from 'vitest'
import { createApiKey } from '#server/identity/commands.ts'
import { makeGrant, makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { POST } from './route.ts'

useDatabase()

const view = (id: string) => JSON.stringify({ id, at: '2026-01-31T09:14:03.120Z', action: 'file.view' })

describe('POST /api/v1/audit/events', () => {
  async function script() {
    const owner = await makePerson(await makeTenant(), { role: 'owner', founder: true })
    const input = { name: 'Chat', scopes: ['audit:write' as const] }
    const { token } = await createApiKey(owner, input, {
      stepUpGrantId: await makeGrant(owner, createApiKey.requestHash(input)),
    })
    return async (body: BodyInit | null, type = 'application/x-ndjson', bearer = token) => {
      const headers = { authorization: `Bearer ${bearer}`, 'content-type': type }
      const request = new Request('http://localhost:3000/api/v1/audit/events', { method: 'POST', headers, body })
      const response = await POST(request, { params: Promise.resolve({}) })
      return { status: response.status, json: await response.json() }
    }
  }

  it('200 · 400 · 401 · 413 · 415', async () => {
    const send = await script()
    expect(await send(`${view('1')}\n${view('2')}\n`)).toEqual({
      status: 200,
      json: { accepted: 2, duplicates: 0, rejected: [] },
    })
    expect(await send('')).toMatchObject({ status: 200, json: { accepted: 0 } })
    expect(await send(new Uint8Array([0xff, 0x0a]))).toMatchObject({ status: 400, json: { code: 'invalid' } })
    expect(await send(view('3'), 'application/x-ndjson', 'gh_nonsense')).toMatchObject({ status: 401 })
    expect(await send('{}\n'.repeat(5_001))).toMatchObject({ status: 413 })
    expect(await send(view('3'), 'application/json')).toMatchObject({ status: 415 })
  })
})
