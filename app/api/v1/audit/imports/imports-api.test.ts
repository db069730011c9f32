import { describe, expect, it } from 'vitest'
import { searchAudit } from '#server/audit/queries.ts'
import { createApiKey } from '#server/identity/commands.ts'
import { systemActor } from '#server/kernel/actor.ts'
import type { Permission } from '#server/kernel/permissions.ts'
import { makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { DELETE, GET as GET_MAPPING, PUT } from '../mappings/[name]/route.ts'
import { GET as MAPPINGS } from '../mappings/route.ts'
import { POST } from './route.ts'

useDatabase()

type Route = (request: Request, context: { params: Promise<Record<string, string>> }) => Promise<Response>

async function makeScript(scopes: Permission[] = ['audit:write']) {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true })
  const { token } = await createApiKey(systemActor(tenantId, 'test'), { name: 'script', scopes })
  const call = async (route: Route, path: string, init: RequestInit & { name?: string } = {}) => {
    const request = new Request(`http://localhost:3000/api/v1/audit${path}`, {
      ...init,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'text/csv', ...init.headers },
    })
    const response = await route(request, {
      params: Promise.resolve<Record<string, string>>(init.name ? { name: init.name } : {}),
    })
    const text = await response.text()
    return { status: response.status, json: text === '' ? null : JSON.parse(text) }
  }
  return { owner, call }
}

const json = { 'content-type': 'application/json' }
const document = { format: 'csv', id: 'id', occurredAt: { from: 'at' }, action: 'what' }
const put = { method: 'PUT', headers: json, body: JSON.stringify(document), name: 'old log' }
const file = 'id,at,what\n1,2011-02-03T04:05:06Z,door.open\n2,never,door.open\n'

describe('/audit/imports', () => {
  it('200: a file by a saved mapping, once', async () => {
    const { owner, call } = await makeScript()
    expect(await call(PUT, '/mappings/old%20log', put)).toEqual({ status: 200, json: { name: 'old log' } })
    const path = '/imports?mapping=old%20log&fileName=doors.csv'
    const answer = {
      source: 'import:old log',
      file: { name: 'doors.csv', bytes: file.length, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      records: 2,
      accepted: 1,
      duplicates: 0,
      rejectedCount: 1,
      rejected: [{ line: 3, code: 'time_invalid', detail: expect.stringContaining('"never"') }],
      dryRun: false,
    }
    const dry = { ...answer, dryRun: true }
    expect(await call(POST, `${path}&dryRun=true`, { method: 'POST', body: file })).toEqual({ status: 200, json: dry })
    expect(await call(POST, path, { method: 'POST', body: file })).toEqual({ status: 200, json: answer })
    const again = await call(POST, path, { method: 'POST', body: file })
    expect(again.json).toMatchObject({ accepted: 0, duplicates: 1 })
    const { items } = await searchAudit(owner, { q: 'source:"import:old log"' })
    expect(items).toMatchObject([{ action: 'door.open', knownFrom: 'import', occurredAt: '2011-02-03T04:05:06.000Z' }])
  })

  it('mappings: listed, read, deleted', async () => {
    const { call } = await makeScript()
    await call(PUT, '/mappings/old%20log', put)
    expect((await call(MAPPINGS, '/mappings')).json).toMatchObject({ items: [{ name: 'old log' }], nextCursor: null })
    const one = await call(GET_MAPPING, '/mappings/old%20log', { name: 'old log' })
    expect(one).toMatchObject({ status: 200, json: { document: { name: 'old log', action: { from: 'what' } } } })
    expect(
      (await call(DELETE, '/mappings/old%20log', { method: 'DELETE', name: 'old log', headers: json })).status,
    ).toBe(204)
    expect((await call(GET_MAPPING, '/mappings/old%20log', { name: 'old log' })).status).toBe(404)
  })

  it('400, 403, 404, 415', async () => {
    const { call } = await makeScript()
    const send = (path: string, init: RequestInit = {}) => call(POST, path, { method: 'POST', body: file, ...init })
    expect(await send('/imports')).toMatchObject({ status: 400, json: { code: 'invalid' } })
    expect(await send('/imports?mapping=none')).toMatchObject({ status: 404, json: { code: 'not_found' } })
    expect(await send('/imports?mapping=none&surprise=1')).toMatchObject({ status: 400 })
    const json = { 'content-type': 'application/json' }
    expect(await send('/imports?mapping=none', { headers: json })).toMatchObject({ status: 415 })
    const bad = { ...put, body: JSON.stringify({ ...document, occurredAt: { from: 'at', format: 'nope' } }) }
    expect(await call(PUT, '/mappings/old%20log', bad)).toMatchObject({
      status: 400,
      json: { errors: [{ field: 'document.occurredAt.format' }] },
    })
    const reader = await makeScript(['audit:read'])
    expect(await reader.call(PUT, '/mappings/old%20log', put)).toMatchObject({ status: 403 })
    expect(await reader.call(MAPPINGS, '/mappings')).toMatchObject({ status: 403 })
    expect(await reader.call(POST, '/imports?mapping=none', { method: 'POST', body: file })).toMatchObject({
      status: 403,
    })
  })
})
