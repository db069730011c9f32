import { describe, expect, it } from 'vitest'
import { defaultPolicy, type PolicyDocument } from '#protocol/policy/document.ts'
import { createApiKey } from '#server/identity/commands.ts'
import { makeGrant, makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { PUT } from './[policyId]/draft/route.ts'
import { POST as PUBLISH } from './[policyId]/publish/route.ts'
import { POST as ROLLBACK } from './[policyId]/rollback/route.ts'
import { GET as GET_ONE } from './[policyId]/route.ts'
import { POST as SIMULATE } from './[policyId]/simulate/route.ts'
import { GET as VERSION } from './[policyId]/versions/[version]/route.ts'
import { GET as VERSIONS } from './[policyId]/versions/route.ts'
import { GET } from './route.ts'
import { GET as SCHEMA } from './schema/route.ts'

useDatabase()

type Route = (request: Request, context: { params: Promise<Record<string, string>> }) => Promise<Response>

/** A script of the organisation with a key for its policies. */
async function makeScript() {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true })
  const input = { name: 'script', scopes: ['policies:read' as const, 'policies:write' as const] }
  const { token } = await createApiKey(owner, input, {
    stepUpGrantId: await makeGrant(owner, createApiKey.requestHash(input)),
  })
  const call = async (
    route: Route,
    method: string,
    { body, ...params }: { body?: unknown; [part: string]: unknown } = {},
  ) => {
    const headers = {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    }
    const request = new Request('http://localhost:3000/api/v1/policies', {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const response = await route(request, {
      params: Promise.resolve({ policyId: tenantId, ...(params as Record<string, string>) }),
    })
    return { status: response.status, json: await response.json() }
  }
  return { tenantId, call }
}

const blocked: PolicyDocument = { ...defaultPolicy(), data: { ...defaultPolicy().data, screenshot: { mode: 'block' } } }

describe('/policies', () => {
  it('200: list, one, versions and schema', async () => {
    const { tenantId, call } = await makeScript()
    expect(await call(GET, 'GET')).toMatchObject({
      status: 200,
      json: { items: [{ id: tenantId, version: 1, draft: null }], nextCursor: null },
    })
    expect(await call(GET_ONE, 'GET')).toMatchObject({ status: 200, json: { document: defaultPolicy() } })
    expect(await call(VERSIONS, 'GET')).toMatchObject({ status: 200, json: { items: [{ version: 1 }] } })
    expect(await call(VERSION, 'GET', { version: '1' })).toMatchObject({
      status: 200,
      json: { version: 1, document: defaultPolicy() },
    })
    expect(await call(SCHEMA, 'GET')).toMatchObject({
      status: 200,
      json: { type: 'object', properties: { devices: expect.anything() } },
    })
  })

  it('a key drafts and publishes what tightens; loosening and rollback need a person (403)', async () => {
    const { call } = await makeScript()
    expect(await call(PUT, 'PUT', { body: blocked })).toMatchObject({
      status: 200,
      json: { draft: { base: 1, loosens: false } },
    })
    expect(await call(SIMULATE, 'POST', { body: {} })).toMatchObject({
      status: 200,
      json: { changes: [{ path: 'data.screenshot.mode' }] },
    })
    expect(await call(PUBLISH, 'POST', { body: { note: 'By script' } })).toMatchObject({
      status: 200,
      json: { version: 2, draft: null },
    })
    await call(PUT, 'PUT', { body: { document: defaultPolicy() } })
    expect(await call(PUBLISH, 'POST')).toMatchObject({ status: 403, json: { code: 'person_required' } })
    expect(await call(ROLLBACK, 'POST', { body: { version: 1 } })).toMatchObject({
      status: 403,
      json: { code: 'person_required' },
    })
  })

  it('400 names the field, 404 another organisation, 409 nothing to publish', async () => {
    const [{ call }, other] = [await makeScript(), await makeScript()]
    const wrong = { ...blocked, devices: { ...blocked.devices, offlineHours: 1e9 } }
    expect(await call(PUT, 'PUT', { body: wrong })).toMatchObject({
      status: 400,
      json: { errors: [{ field: 'document.devices.offlineHours' }] },
    })
    expect(await call(PUT, 'PUT', { body: {} })).toMatchObject({
      status: 400,
      json: { errors: [{ field: 'document' }] },
    })
    expect(await call(GET_ONE, 'GET', { policyId: 'nonsense' })).toMatchObject({
      status: 400,
      json: { errors: [{ field: 'policyId' }] },
    })
    expect(await call(GET_ONE, 'GET', { policyId: other.tenantId })).toMatchObject({ status: 404 })
    expect(await call(VERSION, 'GET', { version: '99' })).toMatchObject({ status: 404 })
    expect(await call(PUBLISH, 'POST')).toMatchObject({ status: 409 })
  })
})
