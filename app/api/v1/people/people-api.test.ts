import { describe, expect, it } from 'vitest'
import { createApiKey } from '#server/identity/commands.ts'
import { makeGrant, makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { GET as POLICY } from './[personId]/effective-policy/route.ts'
import { POST as RESET } from './[personId]/reset-2fa/route.ts'
import { POST as REVOKE } from './[personId]/revoke-sessions/route.ts'
import { GET as GET_ONE, PATCH } from './[personId]/route.ts'
import { GET, POST } from './route.ts'

useDatabase()

type Route = (request: Request, context: { params: Promise<Record<string, string>> }) => Promise<Response>

async function makeScript() {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true })
  const input = { name: 'script', scopes: ['people:read' as const, 'people:write' as const, 'policies:read' as const] }
  const { token } = await createApiKey(owner, input, {
    stepUpGrantId: await makeGrant(owner, createApiKey.requestHash(input)),
  })
  const call = async (
    route: Route,
    method: string,
    options: { body?: unknown; personId?: string; q?: string } = {},
  ) => {
    const { body, personId, q = '' } = options
    const request = new Request(`http://localhost:3000/api/v1/people${q}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const response = await route(request, {
      params: Promise.resolve<Record<string, string>>(personId ? { personId } : {}),
    })
    return { status: response.status, json: response.status === 204 ? null : await response.json() }
  }
  return { tenantId, owner, call }
}

const rosa = { name: 'Rosa Lind', email: 'rosa@example.org' }

describe('/people', () => {
  it('201 and 200: a key invites a member, finds, renames, suspends and resumes them', async () => {
    const { tenantId, call } = await makeScript()
    const { status, json } = await call(POST, 'POST', { body: rosa })
    expect(status).toBe(201)
    expect(json).toMatchObject({ invitation: { url: expect.stringContaining('/invite/') } })
    const personId = json.id
    expect(await call(GET, 'GET', { q: '?q=rosa' })).toMatchObject({ json: { items: [{ id: personId, ...rosa }] } })
    expect(await call(PATCH, 'PATCH', { personId, body: { name: 'Rosa L.' } })).toMatchObject({
      status: 200,
      json: { name: 'Rosa L.' },
    })
    for (const status of ['suspended', 'active'])
      expect(await call(PATCH, 'PATCH', { personId, body: { status } })).toMatchObject({ status: 200 })
    expect(await call(REVOKE, 'POST', { personId })).toMatchObject({ status: 200, json: { revoked: 0 } })
    expect(await call(POLICY, 'GET', { personId })).toMatchObject({
      status: 200,
      json: { personId, policyId: tenantId, version: 1 },
    })
  })

  it('403 person_required: rights, roles and second factors are decided by people', async () => {
    const { owner, call } = await makeScript()
    const refused = { status: 403, json: { code: 'person_required' } }
    const personId = owner.personId
    expect(await call(POST, 'POST', { body: { ...rosa, role: 'admin' } })).toMatchObject(refused)
    expect(await call(PATCH, 'PATCH', { personId, body: { role: 'member' } })).toMatchObject(refused)
    expect(await call(RESET, 'POST', { personId })).toMatchObject(refused)
  })

  it.each([
    ['email', { name: 'Rosa', email: 'nowhere' }],
    ['name', { name: 7, email: 'rosa@example.org' }],
    ['role', { ...rosa, role: 'king' }],
  ])('400 names %s', async (field, body) => {
    const { call } = await makeScript()
    expect(await call(POST, 'POST', { body })).toMatchObject({ status: 400, json: { errors: [{ field }] } })
  })

  it('400 for two changes at once or none, 404 for another organisation, 409 for an address that is taken', async () => {
    const [{ owner, call }, other] = [await makeScript(), await makeScript()]
    const personId = owner.personId
    for (const body of [{}, { name: 'A', status: 'suspended' }, { colour: 'red' }])
      expect(await call(PATCH, 'PATCH', { personId, body })).toMatchObject({ status: 400 })
    expect(await other.call(GET_ONE, 'GET', { personId })).toMatchObject({ status: 404 })
    expect(await other.call(POLICY, 'GET', { personId })).toMatchObject({ status: 404 })
    expect(await call(POST, 'POST', { body: { name: 'Twin', email: owner.email } })).toMatchObject({ status: 409 })
  })
})
