import { describe, expect, it } from 'vitest'
import { createApiKey } from '#server/identity/commands.ts'
import type { Permission } from '#server/kernel/permissions.ts'
import { enrollTestDevice } from '#test/device.ts'
import { makeGrant, makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { POST as CREATE_CODE } from '../enrollment-codes/route.ts'
import { POST as APPROVE_WIPE } from '../wipes/[wipeId]/approve/route.ts'
import { POST as CANCEL } from '../wipes/[wipeId]/cancel/route.ts'
import { GET as RECEIPT } from '../wipes/[wipeId]/receipt/route.ts'
import { GET as WIPE } from '../wipes/[wipeId]/route.ts'
import { POST as CANCEL_ALL } from '../wipes/cancel-all/route.ts'
import { GET as WIPES } from '../wipes/route.ts'
import { POST as BLOCK } from './[deviceId]/block/route.ts'
import { GET as DEVICE } from './[deviceId]/route.ts'
import { POST as UNBLOCK } from './[deviceId]/unblock/route.ts'
import { POST as REQUEST_WIPE } from './[deviceId]/wipe/route.ts'
import { GET as DEVICES } from './route.ts'

useDatabase()

type Route = (request: Request, context: { params: Promise<Record<string, string>> }) => Promise<Response>
type Call = { params?: Record<string, string>; query?: string; body?: unknown; headers?: Record<string, string> }

const SCOPES: Permission[] = ['devices:read', 'devices:write', 'devices:wipe']

async function makeScript(scopes: Permission[] = SCOPES) {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true })
  const input = { name: 'script', scopes }
  const { token } = await createApiKey(owner, input, {
    stepUpGrantId: await makeGrant(owner, createApiKey.requestHash(input)),
  })
  const call = async (
    route: Route,
    method: 'GET' | 'POST',
    { params = {}, query = '', body, headers = {} }: Call = {},
  ) => {
    const init = {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }
    const response = await route(new Request(`http://localhost:3000/api/v1/x${query}`, init), {
      params: Promise.resolve(params),
    })
    const text = await response.text()
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      json: text === '' ? null : JSON.parse(text),
    }
  }
  return { tenantId, owner, call }
}

describe('/devices and /wipes', () => {
  it('200: a device as the contract names it', async () => {
    const { owner, call } = await makeScript()
    const { answer, thumbprint } = await enrollTestDevice(owner)
    const { json } = await call(DEVICE, 'GET', { params: { deviceId: answer.deviceId } })
    expect(json).toMatchObject({
      id: answer.deviceId,
      name: 'Test phone',
      platform: 'android',
      osVersion: '15',
      appVersion: '1.4.0',
      status: 'active',
      person: { id: owner.personId },
      lastSeenAt: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/),
      tls: null,
      policyVersion: 0,
      keyThumbprint: thumbprint,
      channel: 'agent',
      ownership: 'personal',
      capabilities: {
        eraseVault: true,
        eraseDevice: false,
        lock: false,
        detectCapture: false,
        preventCapture: false,
        keyStore: 'file',
      },
      offlineUntil: null,
    })
    expect(await call(DEVICES, 'GET', { query: '?q=test&status=active&limit=1' })).toMatchObject({
      status: 200,
      json: { items: [{ id: answer.deviceId }], nextCursor: null },
    })
  })

  it('201: a code, the same one for the same Idempotency-Key', async () => {
    const { owner, call } = await makeScript()
    const ask = { body: { personEmail: owner.email }, headers: { 'idempotency-key': 'one' } }
    const first = await call(CREATE_CODE, 'POST', ask)
    expect(first).toMatchObject({
      status: 201,
      json: { id: expect.any(String), code: expect.any(String), expiresAt: expect.any(String) },
    })
    expect(Object.keys(first.json)).toEqual(['id', 'code', 'expiresAt'])
    expect((await call(CREATE_CODE, 'POST', ask)).json).toEqual(first.json)
  })

  it('a key blocks, cannot unblock, asks for an erase that waits, and cannot approve it', async () => {
    const { owner, call } = await makeScript()
    const { answer } = await enrollTestDevice(owner)
    const params = { deviceId: answer.deviceId }
    expect(await call(BLOCK, 'POST', { params })).toMatchObject({
      status: 200,
      json: { id: answer.deviceId, status: 'blocked' },
    })
    expect(await call(UNBLOCK, 'POST', { params })).toMatchObject({ status: 403, json: { code: 'person_required' } })
    const asked = await call(REQUEST_WIPE, 'POST', { params, body: { scope: 'organisation-data', reason: 'lost' } })
    expect(asked).toMatchObject({
      status: 202,
      json: {
        deviceId: answer.deviceId,
        scope: 'organisation-data',
        reason: 'lost',
        state: 'awaiting_approval',
        requestedBy: { kind: 'api_key' },
        approvals: [],
        timeline: [{ state: 'awaiting_approval' }],
      },
    })
    const wipe = { params: { wipeId: asked.json.id } }
    expect(await call(APPROVE_WIPE, 'POST', wipe)).toMatchObject({ status: 403, json: { code: 'person_required' } })
    expect(await call(WIPE, 'GET', wipe)).toMatchObject({ status: 200, json: { state: 'awaiting_approval' } })
    expect(await call(RECEIPT, 'GET', wipe)).toMatchObject({
      status: 404,
      type: expect.stringContaining('application/problem+json'),
    })
    expect(await call(WIPES, 'GET', { query: '?state=awaiting_approval' })).toMatchObject({
      json: { items: [{ id: asked.json.id }] },
    })
    expect(await call(CANCEL, 'POST', wipe)).toMatchObject({
      status: 200,
      json: { id: asked.json.id, state: 'cancelled' },
    })
    expect(await call(CANCEL, 'POST', wipe)).toMatchObject({ status: 409, json: { code: 'conflict' } })
    expect(await call(CANCEL_ALL, 'POST')).toMatchObject({ status: 200, json: { cancelled: 0 } })
  })

  it.each([
    [DEVICES, 'GET', { query: '?status=nope' }, 'status'],
    [DEVICES, 'GET', { query: '?limit=0' }, 'limit'],
    [DEVICES, 'GET', { query: '?colour=red' }, 'colour'],
    [DEVICE, 'GET', { params: { deviceId: '%00' } }, 'deviceId'],
    [WIPES, 'GET', { query: '?state=nope' }, 'state'],
    [WIPES, 'GET', { query: '?cursor=nope' }, 'cursor'],
    [REQUEST_WIPE, 'POST', { params: { deviceId: 'x' }, body: { scope: 'all', reason: 'lost' } }, 'scope'],
    [CREATE_CODE, 'POST', { body: { personEmail: 7 } }, 'personEmail'],
    [CREATE_CODE, 'POST', { body: { personId: 'a', expiresInSeconds: '60' } }, 'expiresInSeconds'],
    [CANCEL, 'POST', { params: { wipeId: 'x' } }, 'requestId'],
  ] as const)('400 names the field (%#)', async (route, method, call, field) => {
    const script = await makeScript()
    const answer = await script.call(route as Route, method, call)
    expect(answer).toMatchObject({
      status: 400,
      json: { code: 'invalid', errors: expect.arrayContaining([expect.objectContaining({ field })]) },
    })
  })

  it('401 without a key, 403 without the scope, 404 in another organisation', async () => {
    const reader = await makeScript(['devices:read'])
    const { answer } = await enrollTestDevice(reader.owner)
    const params = { deviceId: answer.deviceId }
    expect(
      (await DEVICES(new Request('http://localhost/api/v1/devices'), { params: Promise.resolve({}) })).status,
    ).toBe(401)
    expect(await reader.call(BLOCK, 'POST', { params })).toMatchObject({ status: 403, json: { code: 'forbidden' } })
    const stranger = await makeScript()
    for (const [route, method] of [
      [DEVICE, 'GET'],
      [BLOCK, 'POST'],
    ] as const) {
      expect(await stranger.call(route, method, { params })).toMatchObject({ status: 404, json: { code: 'not_found' } })
    }
  })
})
