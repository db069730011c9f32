import { beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createApiKey, foundOrganisation, openSession, revokeApiKey } from '#server/identity/commands.ts'
import { signedInByToken } from '#server/identity/queries.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { AppError } from '#server/kernel/errors.ts'
import { parseInput } from '#server/kernel/fields.ts'
import type { Permission } from '#server/kernel/permissions.ts'
import { invitePerson, suspendPerson } from '#server/people/commands.ts'
import { getPerson, listPeople } from '#server/people/queries.ts'
import { makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { isSameOrigin, localPath } from './client.ts'
import { cookieNames } from './cookie-names.ts'
import { liveStream } from './live.ts'
import { authOptions, authRoute, signInWithPassword } from './next-auth.ts'
import { apiRoute } from './route.ts'

const db = useDatabase()
const client = { address: '192.0.2.9', userAgent: 'test' }
const password = 'correct horse battery'
const state: { tenantId: string; personId: string; email: string } = {
  tenantId: '',
  personId: '',
  email: 'ona@example.org',
}

beforeAll(async () => {
  Object.assign(
    state,
    await foundOrganisation({ organisation: 'Http', name: 'Ona', email: state.email, password }, { by: 'cli' }),
  )
})

async function keyWith(...scopes: Permission[]): Promise<{ id: string; token: string }> {
  return createApiKey(systemActor(state.tenantId, 'test'), { name: 'test', scopes })
}

const people = {
  GET: apiRoute({ query: listPeople }),
  POST: apiRoute({ command: invitePerson, status: 201, view: ({ id }) => ({ id }) }),
}

type Call = {
  method?: string
  token?: string
  headers?: Record<string, string>
  body?: BodyInit
  params?: Record<string, string>
  path?: string
}

async function call(
  route: ReturnType<typeof apiRoute>,
  { method = 'GET', token, headers = {}, body, params = {}, path = '/api/v1/people' }: Call,
) {
  const request = new Request(`http://localhost:3000${path}`, {
    method,
    headers: {
      'x-gatehouse-client-ip': client.address,
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...headers,
    },
    ...(body === undefined ? {} : { body }),
  })
  const response = await route(request, { params: Promise.resolve(params) })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : null }
}

function post(token: string, body: unknown, headers: Record<string, string> = {}) {
  return call(people.POST, {
    method: 'POST',
    token,
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  })
}

describe('apiRoute', () => {
  test('200: a list, private, with a request id', async () => {
    const { token } = await keyWith('people:read')
    const answer = await call(people.GET, { token, path: '/api/v1/people?limit=1&role=owner' })
    expect(answer).toMatchObject({ status: 200, body: { items: [{ name: 'Ona', role: 'owner' }], nextCursor: null } })
    expect(answer.headers.get('cache-control')).toBe('private, no-store')
    expect(answer.body.items[0].createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  })

  test('200: for a caller on this machine nothing is compressed', async () => {
    const { token } = await keyWith('people:read')
    const answer = await call(people.GET, { token, headers: { 'x-gatehouse-client-ip': '127.0.0.1' } })
    expect(answer).toMatchObject({ status: 200 })
    expect(answer.headers.get('cache-control')).toBe('private, no-store, no-transform')
  })

  test('201, and the same Idempotency-Key gives the same answer', async () => {
    const { token } = await keyWith('people:write')
    const body = { email: 'same@example.org', name: 'Same' }
    const [first, second] = [
      await post(token, body, { 'idempotency-key': 'k' }),
      await post(token, body, { 'idempotency-key': 'k' }),
    ]
    expect(first.status).toBe(201)
    expect(second.body).toEqual(first.body)
    expect(await post(token, { ...body, name: 'Other' }, { 'idempotency-key': 'k' })).toMatchObject({
      status: 409,
      body: { code: 'idempotency_conflict' },
    })
    expect(await post(token, body, { 'idempotency-key': 'x'.repeat(256) })).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'Idempotency-Key' }] },
    })
  })

  test.each([
    [{}, 401],
    [{ token: 'gh_nonsense' }, 401],
    [{ headers: { authorization: 'Basic eDp5' } }, 401],
    [{ token: `gh_${'A'.repeat(22)}.${'A'.repeat(22)}.${'A'.repeat(43)}` }, 401],
  ])('401: %j', async (given, status) => {
    const answer = await call(people.GET, given)
    expect(answer).toMatchObject({
      status,
      body: {
        type: 'urn:gatehouse:problem:unauthenticated',
        status,
        code: 'unauthenticated',
        title: expect.any(String),
        detail: expect.any(String),
        requestId: expect.any(String),
      },
    })
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(answer.headers.get('www-authenticate')).toBe('Bearer')
  })

  test('401 once the key is revoked; while its maker is suspended it rests', async () => {
    const { id, token } = await keyWith('people:read')
    await revokeApiKey(systemActor(state.tenantId, 'test'), { id })
    expect((await call(people.GET, { token })).status).toBe(401)
    const maker = await makePerson(state.tenantId, { role: 'owner' })
    const kept = await createKeyBy(maker.personId)
    expect((await call(people.GET, { token: kept })).status).toBe(200)
    await suspendPerson(systemActor(state.tenantId, 'test'), { id: maker.personId })
    expect((await call(people.GET, { token: kept })).status).toBe(401)
  })

  test('403 without the scope; 404 for another organisation’s person', async () => {
    const { token } = await keyWith('devices:read')
    expect(await call(people.GET, { token })).toMatchObject({ status: 403, body: { code: 'forbidden' } })
    const stranger = await makePerson(await makeTenant())
    const reader = await keyWith('people:read')
    const route = apiRoute({ query: getPerson })
    expect(await call(route, { token: reader.token, params: { id: stranger.personId } })).toMatchObject({
      status: 404,
      body: { code: 'not_found' },
    })
    expect(await call(route, { token: reader.token, params: { id: "'; DROP TABLE person" } })).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'id' }] },
    })
  })

  test.each([
    ['not JSON', '{', 'body'],
    ['not UTF-8', new Uint8Array([0x22, 0xff, 0x22]), 'body'],
    ['an array', '[]', 'body'],
    ['null', 'null', 'body'],
    ['a wrong type', '{"email":1,"name":"x"}', 'email'],
    ['a missing field', '{"email":"a@example.org"}', 'name'],
    ['a NUL', '{"email":"a@example.org","name":"a\\u0000"}', 'name'],
    ['a lone surrogate', '{"email":"a@example.org","name":"a\\ud800"}', 'name'],
    ['too long', JSON.stringify({ email: 'a@example.org', name: 'x'.repeat(121) }), 'name'],
    ['a role the key may not give', '{"email":"a@example.org","name":"x","role":"owner"}', 'role'],
    ['a huge number', '{"email":1e999,"name":"x"}', 'email'],
  ])('400: %s is named', async (_, body, field) => {
    const { token } = await keyWith('people:write')
    const answer = await call(people.POST, {
      method: 'POST',
      token,
      body,
      headers: { 'content-type': 'application/json' },
    })
    expect(answer.status).toBe(400)
    expect(answer.body.errors.map((error: { field: string }) => error.field)).toContain(field)
  })

  test('413 and 415; a cookie may not write', async () => {
    const { token } = await keyWith('people:write')
    const large = await call(people.POST, {
      method: 'POST',
      token,
      body: `{"name":"${'x'.repeat(1_100_000)}"}`,
      headers: { 'content-type': 'application/json' },
    })
    expect(large).toMatchObject({ status: 413, body: { code: 'too_large' } })
    const form = await call(people.POST, {
      method: 'POST',
      token,
      body: 'name=x',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
    expect(form.status).toBe(415)
    const { token: session } = await openSession({ ...state, client, method: 'password' })
    const cookie = `${(await cookieNames()).session}=${session}`
    expect((await call(people.GET, { headers: { cookie } })).status).toBe(200)
    expect(
      (await call(people.POST, { method: 'POST', body: '{}', headers: { cookie, 'content-type': 'application/json' } }))
        .status,
    ).toBe(401)
  })

  test('a bug is a 500 that says nothing; 429 and 503 carry Retry-After', async () => {
    const { token } = await keyWith('people:read')
    const failing = (error: unknown) =>
      apiRoute({
        handler: async () => {
          throw error
        },
      })
    const bug = await call(failing(new Error('secret detail')), { token })
    expect(bug.status).toBe(500)
    expect(JSON.stringify(bug.body)).not.toContain('secret')
    const limited = await call(failing(new AppError('rate_limited', { retryAfter: 7 })), { token })
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '7'])
    const away = await call(failing(Object.assign(new Error('x'), { code: 'ECONNREFUSED' })), { token })
    expect([away.status, away.headers.get('retry-after')]).toEqual([503, '5'])
    const invalid = await call(apiRoute({ handler: async () => parseInput(z.strictObject({}), { extra: 1 }) }), {
      token,
    })
    expect(invalid).toMatchObject({ status: 400, body: { errors: [{ field: 'extra' }] } })
  })
})

/** A key whose maker is a person, made below the guard for the test's sake. */
async function createKeyBy(personId: string): Promise<string> {
  const { id, token } = await keyWith('people:read')
  await db.superuser.query('ALTER TABLE api_key DISABLE TRIGGER command_wall')
  await db.superuser.query('UPDATE api_key SET created_by = $2 WHERE id = $1', [id, personId])
  await db.superuser.query('ALTER TABLE api_key ENABLE TRIGGER command_wall')
  return token
}

describe('next-auth', () => {
  test('issues our token at sign-in; a hundred page views leave one session row and the same bytes', async () => {
    const result = await signInWithPassword({ email: state.email, password }, client)
    if (result.kind !== 'signed_in') throw new Error('expected a session')
    const { jwt } = await authOptions()
    const count = async () =>
      Number(
        (await db.superuser.query('SELECT count(*) FROM session WHERE tenant_id = $1', [state.tenantId])).rows[0].count,
      )
    const before = await count()
    for (let view = 0; view < 100; view++) {
      const decoded = await jwt?.decode?.({ token: result.token, secret: '' })
      expect(await jwt?.encode?.({ token: decoded ?? {}, secret: '' })).toBe(result.token)
    }
    expect(await count()).toBe(before)
    expect((await signedInByToken(result.token, client))?.actor.personId).toBe(state.personId)
  })

  test('a refusal is the domain’s own error and issues nothing', async () => {
    await expect(signInWithPassword({ email: state.email, password: 'wrong' }, client)).rejects.toMatchObject({
      code: 'bad_credentials',
    })
    await expect(signInWithPassword({ email: 'no', password: 'wrong' }, client)).rejects.toMatchObject({
      code: 'invalid',
      fields: { email: expect.any(String) },
    })
  })

  test('a forged, a foreign and a revoked token decode to nothing', async () => {
    const { jwt } = await authOptions()
    for (const token of ['', 'x', 'eyJhbGciOiJub25lIn0.e30.'])
      expect(await jwt?.decode?.({ token, secret: '' })).toBeNull()
  })

  test.each([
    'GET session',
    'POST session',
    'POST signout',
    'GET providers',
    'GET callback/credentials',
    'POST _log',
    'POST signin/credentials',
  ])('%s is not routed', async (line) => {
    const [method = '', path = ''] = line.split(' ')
    const response = await authRoute(new Request(`http://localhost:3000/api/auth/${path}`, { method }), {
      params: Promise.resolve({ nextauth: path.split('/') }),
    })
    expect(response.status).toBe(404)
  })
})

describe('where a request comes from', () => {
  const own = 'http://localhost:3000'
  test.each([
    [{ origin: own }, true],
    [{ 'sec-fetch-site': 'same-origin' }, true],
    [{}, false],
    [{ origin: 'null' }, false],
    [{ origin: 'null', 'sec-fetch-site': 'cross-site' }, false],
    // A form of a page with no-referrer, such as one reached from the setup link.
    [{ origin: 'null', 'sec-fetch-site': 'same-origin' }, true],
    [{ origin: 'http://localhost:3001' }, false],
    [{ origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' }, false],
    [{ 'sec-fetch-site': 'same-site' }, false],
    [{ 'sec-fetch-site': 'none' }, false],
  ])('%j → %s', (headers, expected) => {
    expect(isSameOrigin(new Headers(headers as Record<string, string>), own)).toBe(expected)
  })

  test.each([
    ['/people?q=1', '/people?q=1'],
    ['/people?_rsc=1', '/people'],
    ['//evil.example', null],
    ['/\\evil.example', null],
    ['https://evil.example', null],
    ['/\tevil', null],
    ['/.//evil.example', null],
    ['/people/..//evil.example?x=1', null],
    ['/%2e//evil.example', null],
    ['/api/v1/people', null],
    ['javascript:alert(1)', null],
    [null, null],
  ])('after sign-in %j leads to %j', (path, expected) => {
    expect(localPath(path)).toBe(expected)
  })
})

describe('the live stream', () => {
  test('tells nouns of the own organisation, and ends when the session does', async () => {
    const other = await foundOrganisation(
      { organisation: 'Http other', name: 'X', email: 'other@example.org', password },
      { by: 'cli' },
    )
    const { token, actor } = await openSession({ ...state, client, method: 'password' })
    const reader = liveStream(actor, null, new AbortController().signal)
      .pipeThrough(new TextDecoderStream())
      .getReader()
    expect((await reader.read()).value).toContain(': open')
    // From here on nothing is missed: what came before the connection stood is to be looked at again.
    expect((await reader.read()).value).toContain('"reconnected"')
    await invitePerson(systemActor(other.tenantId, 'test'), { email: 'foreign@example.org', name: 'Foreign' })
    const { id } = await invitePerson(systemActor(state.tenantId, 'test'), { email: 'mine@example.org', name: 'Mine' })
    const told = (await reader.read()).value ?? ''
    expect(JSON.parse(told.replace('data: ', ''))).toEqual({ topics: ['person'] })
    expect(told).not.toContain(id)
    const { signOut } = await import('#server/identity/commands.ts')
    await signOut(actor, {})
    for (;;) if ((await reader.read()).done) break
    expect(await signedInByToken(token, client)).toBeNull()
  })

  test('of one session are few: a newer one ends the oldest', async () => {
    const { actor } = await openSession({ ...state, client, method: 'password' })
    const abort = new AbortController()
    const readers = Array.from({ length: 15 }, () => liveStream(actor, null, abort.signal).getReader())
    const drain = async (reader: (typeof readers)[number]) => {
      for (;;) if ((await reader.read()).done) return 'ended'
    }
    const ended = readers.map(drain)
    expect(await Promise.all(ended.slice(0, 3))).toEqual(['ended', 'ended', 'ended'])
    const last = new Promise((resolve) => setTimeout(resolve, 100, 'open'))
    expect(await Promise.race([...ended.slice(3), last])).toBe('open')
    abort.abort()
    await Promise.all(ended)
  })
})
