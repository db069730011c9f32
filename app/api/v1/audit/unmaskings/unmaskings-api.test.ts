import { describe, expect, it } from 'vitest'
import { createApiKey } from '#server/identity/commands.ts'
import type { Permission } from '#server/kernel/permissions.ts'
import { askReasonForNames } from '#server/tenants/commands.ts'
import { makeGrant, makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { GET as EVENTS } from '../events/route.ts'
import { DELETE, POST } from './route.ts'

useDatabase()

type Route = (request: Request, context: { params: Promise<Record<string, string>> }) => Promise<Response>

async function makeScript(scopes: Permission[]) {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', name: 'Olga Owner' })
  const input = { name: 'script', scopes }
  const { token } = await createApiKey(owner, input, {
    stepUpGrantId: await makeGrant(owner, createApiKey.requestHash(input)),
  })
  const call = async (route: Route, method: string, body?: object) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const request = new Request('http://localhost:3000/api/v1/audit/events?q=action:api_key.create', {
      method,
      headers,
      ...(body && { body: JSON.stringify(body) }),
    })
    const response = await route(request, { params: Promise.resolve({}) })
    return { status: response.status, json: response.status === 204 ? null : await response.json() }
  }
  return { owner, call, name: async () => (await call(EVENTS, 'GET')).json.items[0].actor.name as string }
}

const reason = 'Complaint 2026-117 of the works council'

describe('/audit/unmaskings', () => {
  it('201: names are shown; 204: hidden again; 409: nothing to hide', async () => {
    const { owner, call, name } = await makeScript(['audit:read', 'audit:unmask'])
    await askReasonForNames(owner, {})
    expect(await name()).toMatch(/^Person /)
    const answer = await call(POST, 'POST', { reason })
    expect(answer).toMatchObject({ status: 201, json: { id: expect.any(String), until: expect.stringMatching(/Z$/) } })
    expect(await name()).toBe('Olga Owner')
    expect((await call(DELETE, 'DELETE')).status).toBe(204)
    expect(await name()).toMatch(/^Person /)
    expect((await call(DELETE, 'DELETE')).status).toBe(409)
  })

  it('400 without a reason; 404 for nobody; 409 where none is asked for', async () => {
    const { owner, call } = await makeScript(['audit:read', 'audit:unmask'])
    expect(await call(POST, 'POST', { reason })).toMatchObject({ status: 409 })
    await askReasonForNames(owner, {})
    expect(await call(POST, 'POST', { reason: 'because' })).toMatchObject({
      status: 400,
      json: { errors: [{ field: 'reason' }] },
    })
    expect(await call(POST, 'POST', { reason, personId: 'K7Q2-M9XD' })).toMatchObject({ status: 404 })
  })

  it('403 without audit:unmask', async () => {
    const { call } = await makeScript(['audit:read'])
    expect(await call(POST, 'POST', { reason })).toMatchObject({ status: 403 })
  })
})
