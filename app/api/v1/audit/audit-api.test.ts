import { describe, expect, it } from 'vitest'
import { base64Decode } from '#lib/bytes.ts'
import { leafHash } from '#protocol/audit/merkle.ts'
import { verifyConsistency, verifyInclusion } from '#protocol/audit/merkle-verify.ts'
import { createApiKey } from '#server/identity/commands.ts'
import type { Permission } from '#server/kernel/permissions.ts'
import { makeGrant, makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { GET as ACTIONS } from './actions/route.ts'
import { GET as EVENT } from './events/[eventId]/route.ts'
import { GET as EVENTS } from './events/route.ts'
import { GET as FACETS } from './facets/route.ts'
import { GET as HISTOGRAM } from './histogram/route.ts'
import { GET as CONSISTENCY } from './proof/consistency/route.ts'
import { GET as INCLUSION } from './proof/inclusion/route.ts'

useDatabase()

type Route = (request: Request, context: { params: Promise<Record<string, string>> }) => Promise<Response>

async function makeScript(scopes: Permission[] = ['audit:read', 'audit:unmask']) {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true })
  const input = { name: 'script', scopes }
  const { token } = await createApiKey(owner, input, {
    stepUpGrantId: await makeGrant(owner, createApiKey.requestHash(input)),
  })
  const get = async (route: Route, query = '', params: Record<string, string> = {}) => {
    const request = new Request(`http://localhost:3000/api/v1/audit${query}`, {
      headers: { authorization: `Bearer ${token}` },
    })
    const response = await route(request, { params: Promise.resolve(params) })
    return { status: response.status, json: await response.json() }
  }
  return { tenantId, owner, get }
}

describe('/audit', () => {
  it('200: events, one event, figures, actions', async () => {
    const { owner, get } = await makeScript()
    const page = await get(EVENTS, '?q=action:api_key.create&limit=1')
    expect(page).toMatchObject({
      status: 200,
      json: {
        items: [
          {
            action: 'api_key.create',
            actor: { kind: 'person', id: owner.personId, name: owner.name },
            knownFrom: 'server',
          },
        ],
        nextCursor: null,
        total: { value: 1, capped: false },
        searchedBackTo: expect.stringMatching(/Z$/),
      },
    })
    const eventId = page.json.items[0].id
    expect(await get(EVENT, '', { eventId })).toMatchObject({ status: 200, json: { event: { id: eventId } } })
    expect(await get(HISTOGRAM, '?q=action:api_key&buckets=10')).toMatchObject({
      status: 200,
      json: { partial: false },
    })
    expect(await get(FACETS, '?fields=action,actor')).toMatchObject({ status: 200, json: { complete: true } })
    const actions = await get(ACTIONS)
    expect(actions.json.items).toContainEqual({ action: 'file.view', category: 'content', statedBy: 'anyone' })
    expect(actions.json.items).toContainEqual({ action: 'device.wipe.queue', category: 'wipe', statedBy: 'server' })
  })

  it('200: proofs that hold without asking the server again', async () => {
    const { get } = await makeScript()
    await get(EVENTS, '?q=one')
    const { json } = await get(EVENTS, '?q=action:tenant.create')
    const event = await get(EVENT, '', { eventId: json.items[0].id })
    const inclusion = (await get(INCLUSION, '?index=0')).json
    const leaf = leafHash(new TextEncoder().encode(event.json.entry))
    const root = base64Decode(inclusion.root)
    expect(
      verifyInclusion({
        index: 0,
        size: inclusion.size,
        leafHash: leaf,
        proof: inclusion.hashes.map(base64Decode),
        root,
      }),
    ).toBe(true)
    const consistency = (await get(CONSISTENCY, `?from=2&to=${inclusion.size}`)).json
    const [fromRoot, toRoot] = [base64Decode(consistency.fromRoot), base64Decode(consistency.toRoot)]
    const proof = consistency.hashes.map(base64Decode)
    expect(verifyConsistency({ from: 2, to: inclusion.size, fromRoot, toRoot, proof })).toBe(true)
    expect(toRoot).toEqual(root)
  })

  it('400: the column of a mistake, the name of a field', async () => {
    const { get } = await makeScript()
    expect(await get(EVENTS, '?q=outcome:maybe')).toMatchObject({
      status: 400,
      json: {
        code: 'query_invalid',
        column: 9,
        expected: ['allowed', 'denied', 'pending', 'failed'],
        errors: [{ field: 'q' }],
      },
    })
    expect(await get(EVENTS, '?limit=900')).toMatchObject({
      status: 400,
      json: { code: 'invalid', errors: [{ field: 'limit' }] },
    })
    expect(await get(EVENTS, '?from=now')).toMatchObject({ status: 400, json: { errors: [{ field: 'from' }] } })
    for (const route of [EVENTS, HISTOGRAM, FACETS])
      expect(await get(route, '?from=2026-11-02T00:00:00Z&to=2026-11-01T23:00:00Z')).toMatchObject({
        status: 400,
        json: { errors: [{ field: 'to', detail: 'must be later than from' }] },
      })
    expect(await get(EVENTS, '?q=%00')).toMatchObject({ status: 400, json: { code: 'query_invalid' } })
    expect(await get(FACETS, '?fields=colour')).toMatchObject({
      status: 400,
      json: { errors: [{ field: 'fields.0' }] },
    })
    expect(await get(INCLUSION, '?index=99')).toMatchObject({ status: 400, json: { errors: [{ field: 'index' }] } })
    expect(await get(INCLUSION, '?index=-1')).toMatchObject({ status: 400, json: { errors: [{ field: 'index' }] } })
    expect(await get(CONSISTENCY, '?from=3&to=2')).toMatchObject({ status: 400, json: { errors: [{ field: 'from' }] } })
    expect(await get(EVENT, '', { eventId: 'x' })).toMatchObject({
      status: 400,
      json: { errors: [{ field: 'eventId' }] },
    })
  })

  it('403 without audit:read, 404 for what is not there', async () => {
    const stranger = await makeScript(['devices:read'])
    for (const route of [EVENTS, HISTOGRAM, FACETS, ACTIONS])
      expect(await stranger.get(route)).toMatchObject({ status: 403 })
    const { get } = await makeScript()
    expect(await get(EVENT, '', { eventId: '01890000-0000-7000-8000-000000000000' })).toMatchObject({ status: 404 })
  })
})
