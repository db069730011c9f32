import { describe, expect, it } from 'vitest'
import { createApiKey } from '#server/identity/commands.ts'
import type { Permission } from '#server/kernel/permissions.ts'
import { makeGrant, makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { POST as RELEASE } from './holds/[holdId]/release/route.ts'
import { GET as HOLDS, POST as PLACE } from './holds/route.ts'
import { GET as CERTIFICATE } from './purges/[purgeId]/certificate/route.ts'
import { GET as PREVIEW } from './purges/preview/route.ts'
import { GET as PURGES } from './purges/route.ts'
import { GET as RETENTION } from './retention/route.ts'

useDatabase()

type Route = (request: Request, context: { params: Promise<Record<string, string>> }) => Promise<Response>

async function makeScript(scopes: Permission[]) {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true })
  const input = { name: 'script', scopes }
  const stepUpGrantId = await makeGrant(owner, createApiKey.requestHash(input))
  const { token } = await createApiKey(owner, input, { stepUpGrantId })
  return async (route: Route, { body, params = {} }: { body?: object; params?: Record<string, string> } = {}) => {
    const request = new Request('http://localhost:3000/api/v1/audit', {
      method: body ? 'POST' : 'GET',
      headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    })
    const response = await route(request, { params: Promise.resolve(params) })
    return { status: response.status, json: await response.json() }
  }
}

describe('keeping by API', () => {
  it('200, 201, 202: what is kept, a hold placed and listed, its release waits for a person', async () => {
    const call = await makeScript(['audit:read', 'audit:export', 'audit:unmask', 'admin'])
    const forEver = { control: null, access: null, activity: null }
    expect(await call(RETENTION)).toEqual({ status: 200, json: { rules: forEver, request: null } })
    expect(await call(PREVIEW)).toMatchObject({ status: 200, json: { goes: 0, kept: 0, partial: false } })
    expect(await call(PURGES)).toEqual({ status: 200, json: { items: [], nextCursor: null } })
    const placed = await call(PLACE, { body: { kind: 'search', name: 'Case-7', reason: 'court', q: 'merger' } })
    expect(placed.status).toBe(201)
    const holdId = placed.json.id
    const release = await call(RELEASE, { body: { reason: 'closed' }, params: { holdId } })
    expect(release).toMatchObject({ status: 202, json: { state: 'awaiting_approval' } })
    expect(await call(HOLDS)).toMatchObject({
      status: 200,
      json: { items: [{ id: holdId, name: 'Case-7', q: 'merger', releaseRequest: { state: 'awaiting_approval' } }] },
    })
  })

  it('400, 403, 404, 409: a mistake, a scope that is missing, what is not there, a name that is taken', async () => {
    const call = await makeScript(['audit:read', 'audit:export', 'audit:unmask'])
    const hold = { kind: 'search', name: 'Case-7', reason: 'court', q: '' }
    expect((await call(PLACE, { body: { ...hold, q: 'a:(' } })).status).toBe(400)
    expect(await call(PLACE, { body: { ...hold, name: '' } })).toMatchObject({ status: 400, json: { code: 'invalid' } })
    const holdId = (await call(PLACE, { body: hold })).json.id
    expect((await call(PLACE, { body: hold })).status).toBe(409)
    expect((await call(RELEASE, { body: { reason: 'closed' }, params: { holdId } })).status).toBe(403)
    expect((await call(CERTIFICATE, { params: { purgeId: holdId } })).status).toBe(404)
  })
})
