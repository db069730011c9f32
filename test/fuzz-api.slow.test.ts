import { globSync } from 'node:fs'
import { describe, expect, inject, it } from 'vitest'
import { base64urlEncode, utf8Encode } from '#lib/bytes.ts'
import { uuidv7 } from '#lib/uuid.ts'
import { defaultPolicy } from '#protocol/policy/document.ts'
import { publishFile } from '#server/content/commands.ts'
import { ingestDeviceEvents, requestWipe } from '#server/devices/commands.ts'
import { createApiKey } from '#server/identity/commands.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { PERMISSIONS } from '#server/kernel/permissions.ts'
import { invitePerson } from '#server/people/commands.ts'
import { enrollTestDevice } from './device.ts'
import { makePerson, makeTenant, useDatabase } from './harness.ts'

const db = useDatabase()
const root = new URL('..', import.meta.url).pathname
const paths = globSync('app/api/v1/**/route.ts', { cwd: root }).sort()

type Handler = (request: Request, context: { params: Promise<Record<string, string>> }) => Promise<Response>
type Module = Partial<Record<'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', Handler>>
type Params = Record<string, string>
type Attempt = { params: Params; query?: string; body?: string | Uint8Array; type?: string; headers?: HeadersInit }

const LONG = 'x'.repeat(100_000)
const LONE = '\ud800'

/** What stands in a field that a careless program would believe. */
const VALUES: readonly unknown[] = [
  null,
  true,
  -0,
  -1,
  1.5,
  2 ** 31,
  2 ** 63,
  1e308,
  '',
  ' ',
  '0',
  'a\u0000b',
  'a\u001bb',
  'a\u202eb',
  LONE,
  LONG,
  "'; DROP TABLE person; --",
  '9007199254740993',
  '0000-01-01T00:00:00.000Z',
  '+275760-09-13T00:00:00.000Z',
  '2026-02-31T00:00:00Z',
  [],
  ['x', { y: 1 }],
  {},
  { toString: 1, length: 1e9 },
]

const BODIES: readonly (string | Uint8Array)[] = [
  'null',
  '[]',
  '"text"',
  '1e309',
  '{',
  '{"a":1}x',
  '{"__proto__":{"role":"owner"},"constructor":{"prototype":{}}}',
  '{"reason":"a","reason":"b","scope":"organisation-data"}',
  `{"document":${'['.repeat(50_000)}${']'.repeat(50_000)}}`,
  `{"document":${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}}`,
  new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
  new Uint8Array([0xef, 0xbb, 0xbf, 0x7b, 0x7d]),
  '{"reason":"\\ud800"}',
]

const QUERY_NAMES =
  'q cursor limit sort status state platform person label device from to order buckets fields index size silentSince policyVersion missing appVersion role type topics'.split(
    ' ',
  )

const TEXTS = [
  '',
  '0',
  '-1',
  '1e9',
  '1e309',
  'NaN',
  '9223372036854775808',
  'a\u0000b',
  LONE,
  '%',
  '\\',
  "'",
  '"',
  '(((((((((((',
  'a OR OR b',
  'ip:999.1.1.1/99',
  'person:*',
  '0000-01-01T00:00:00.000Z',
  '0001-01-01T00:00:00.000Z',
  '9999-12-31T23:59:59.999Z',
  '+275760-09-13T00:00:00.000Z',
  '2026-02-31T00:00:00Z',
  '1',
  'x'.repeat(5_000),
]

const encoded = (value: unknown) => base64urlEncode(utf8Encode(JSON.stringify(value)))
const KEYS = ['1', '0000-01-01T00:00:00.000Z', '+275760-09-13T00:00:00.000Z', 'Jan 1 2026 PST', 'x', '', LONE]
const SORTS = [
  'name',
  '-name',
  'email',
  'created',
  '-created',
  'lastSeen',
  '-lastSeen',
  'enrolled',
  '-enrolled',
  'oldest',
  'newest',
]

/** Cursors that look as if a list had written them. */
const CURSORS = [
  ...KEYS.flatMap((key) => [encoded([key, uuidv7()]), ...SORTS.map((sort) => encoded([sort, key, uuidv7()]))]),
  encoded(null),
  encoded({}),
  encoded([1, 2, 3]),
  encoded([{}, uuidv7()]),
  '!!!!',
  uuidv7(),
  '-1',
  '1e400',
  '99999999999999999999',
  `v1.${encoded([0])}`,
]

async function organisation() {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true })
  const { token } = await createApiKey(systemActor(tenantId, 'test'), { name: 'fuzz', scopes: [...PERMISSIONS] })
  const device = await enrollTestDevice(owner)
  // A device's clock may say anything, and what it says stands in the log.
  const times = ['0001-01-01T00:00:00.000Z', '9999-12-31T23:59:59.999Z']
  const events = times.map((at, n) => ({ seq: n + 1, id: uuidv7(), at, action: 'file.view', outcome: 'allowed' }))
  await ingestDeviceEvents(
    device.actor,
    events.map((event) => JSON.stringify(event)),
  )
  const system = systemActor(tenantId, 'test')
  const { id: personId } = await invitePerson(system, { email: `${uuidv7()}@example.org`, name: 'Guest' })
  const { id: fileId } = await publishFile(system, {
    name: 'plan.pdf',
    content: new Uint8Array([1, 2, 3]),
    audience: 'everyone',
  })
  const { id: wipeId } = await requestWipe(system, {
    deviceId: (await enrollTestDevice(owner)).answer.deviceId,
    scope: 'organisation-data',
    reason: 'lost',
  })
  const params: Params = {
    deviceId: device.answer.deviceId,
    personId,
    fileId,
    wipeId,
    policyId: tenantId,
    version: '1',
    codeId: uuidv7(),
    eventId: uuidv7(),
  }
  return { tenantId, token, params }
}

const ours = ready()

/** The database is made by a hook, after this file is read. */
function ready() {
  let made: ReturnType<typeof organisation> | undefined
  return () => {
    made ??= organisation()
    return made
  }
}

const sizeOf = async (tenantId: string) =>
  (await db.superuser.query<{ n: string }>('SELECT count(*)::text AS n FROM command WHERE tenant_id = $1', [tenantId]))
    .rows[0]?.n

const LEAKS = /prisma|queryRaw|node_modules|SELECT |INSERT |\/server\/|at [\w.]+ \(|violates|SQLSTATE|Code: `/i

/** Sends it and says what is wrong with the answer, or null. */
async function problemWith(handler: Handler, method: string, given: Attempt): Promise<string | null> {
  const { token, tenantId } = await ours()
  const { params, query = '', body, type = 'application/json', headers = {} } = given
  const before = await sizeOf(tenantId)
  const request = new Request(`http://localhost:3000/api/v1/x${query}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': type, ...headers },
    ...(body === undefined ? {} : { body: body as BodyInit }),
  })
  const response = await handler(request, { params: Promise.resolve(params) })
  const text = await response.text()
  if (!/no-store|no-cache|max-age/.test(response.headers.get('cache-control') ?? '')) return 'no Cache-Control'
  if (response.status < 400) return null
  if (response.status >= 500) return `${response.status} ${text.slice(0, 200)}`
  if (LEAKS.test(text)) return `leaks: ${text.slice(0, 300)}`
  const problem = JSON.parse(text) as { code?: string; requestId?: string; errors?: unknown[] }
  if (response.headers.get('content-type') !== 'application/problem+json' || !problem.code || !problem.requestId)
    return `no problem document: ${text.slice(0, 200)}`
  if (problem.code === 'invalid' && !problem.errors?.length) return `names no field: ${text.slice(0, 200)}`
  // The entry of an earlier search may be written meanwhile.
  const wrote = method !== 'GET' && response.status === 400 && before !== (await sizeOf(tenantId))
  if (wrote) return 'wrote something'
  return null
}

const described = (given: Attempt) => {
  const { query, body } = given
  const raw = body instanceof Uint8Array ? Buffer.from(body).toString('hex') : (body ?? '')
  const ids = JSON.stringify(given.params).slice(0, 120)
  return `${ids} ${decodeURIComponent(query ?? '').slice(0, 120)} ${raw.slice(0, 160)}`
}

async function problemsWith(handler: Handler, method: string, attempts: readonly Attempt[]): Promise<string[]> {
  const found: string[] = []
  for (const attempt of attempts) {
    const problem = await problemWith(handler, method, attempt).catch((error: unknown) => `threw ${String(error)}`)
    if (problem) found.push(`${problem} ← ${described(attempt)}`)
  }
  return found
}

const namesIn = (path: string) => [...path.matchAll(/\[(\w+)\]/g)].map(([, name]) => name ?? '')

function idAttempts(path: string, params: Params, strange: Params): Attempt[] {
  const bad = [
    'x',
    '',
    'a\u0000b',
    LONE,
    '../../etc/passwd',
    LONG,
    '1e309',
    '-1',
    uuidv7(),
    '00000000-0000-0000-0000-000000000000',
  ]
  return namesIn(path).flatMap((name) =>
    [...bad, strange[name] ?? uuidv7()].map((value) => ({ params: { ...params, [name]: value }, body: '{}' })),
  )
}

const withQuery = (name: string, value: string) => `?${name}=${encodeURIComponent(value.toWellFormed())}`

/** At most `most` of `all`, spread over the whole list: the step has no factor in common with any length here. */
function sampled<T>(all: readonly T[], most: number): T[] {
  const picked = Array.from({ length: Math.min(most, all.length) }, (_, n) => all[(n * 1_009) % all.length])
  return picked.flatMap((one) => (one === undefined ? [] : [one]))
}

function queryAttempts(params: Params): Attempt[] {
  const single = QUERY_NAMES.flatMap((name) => TEXTS.map((text) => withQuery(name, text)))
  const cursors = CURSORS.map((cursor) => withQuery('cursor', cursor))
  const dated = SORTS.filter((sort) => !/name|email/.test(sort)).flatMap((sort) =>
    KEYS.slice(0, 3).map((key) => `?sort=${sort}&cursor=${encodeURIComponent(encoded([sort, key, uuidv7()]))}`),
  )
  const times = ['from', 'to', 'silentSince'].flatMap((name) => TEXTS.slice(-7).map((text) => withQuery(name, text)))
  const queries = [...sampled(single, 70), ...sampled(cursors, 20), ...dated, ...times]
  return [...queries, '', '?buckets=200', '?limit=1&limit=2', '?__proto__=1&constructor=2'].map((query) => ({
    params,
    query,
  }))
}

const template: Record<string, Record<string, unknown>> = {
  'people POST': { email: 'new@example.org', name: 'New', role: 'member' },
  'people/[personId] PATCH': { name: 'Renamed', role: 'member', status: 'suspended' },
  'enrollment-codes POST': { personId: uuidv7(), personEmail: 'a@example.org', expiresInSeconds: 3600 },
  'devices/[deviceId]/block POST': { reason: 'lost' },
  'devices/[deviceId]/wipe POST': { scope: 'organisation-data', reason: 'lost' },
  'files/[fileId] DELETE': { reason: 'obsolete' },
  'policies/[policyId]/draft PUT': { document: defaultPolicy(), base: 1, draftSeenAt: '2026-01-01T00:00:00.000Z' },
  'policies/[policyId]/simulate POST': { document: defaultPolicy() },
  'policies/[policyId]/publish POST': { note: 'n', digest: '0'.repeat(64) },
  'policies/[policyId]/rollback POST': { version: 1, note: 'n' },
}

/** Every leaf of `value` replaced by each hostile value, one at a time. */
function mutations(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [...VALUES]
  const inner = Object.entries(value).flatMap(([name, member]) =>
    [...mutations(member), ...(typeof member === 'object' ? [null, [], 'x', 7] : [])].map((mutant) =>
      Array.isArray(value) ? [mutant] : { ...value, [name]: mutant },
    ),
  )
  return Array.isArray(value) ? inner : [...inner, { ...value, surprise: 1 }]
}

function bodyAttempts(route: string, params: Params): Attempt[] {
  const base = template[route] ?? {}
  const shaped = mutations(base).map((body) => JSON.stringify(body))
  return [
    ...[...BODIES, ...sampled(shaped, 60)].map((body) => ({ params, body })),
    { params, body: '{}', type: 'text/plain' },
    { params, body: '{}', type: 'application/json; charset=utf-16' },
    { params, body: 'a=b', type: 'application/x-www-form-urlencoded' },
    { params, body: '--x', type: 'multipart/form-data; boundary=x' },
    { params, body: '--x', type: 'multipart/form-data' },
    { params, body: `"${'x'.repeat(1_100_000)}"` },
    { params, body: '{}', headers: { 'idempotency-key': 'x'.repeat(300) } },
    { params, body: '{}', headers: { 'idempotency-key': '' } },
  ]
}

describe.each(paths)('%s', (path) => {
  const name = path.slice('app/api/v1/'.length, -'/route.ts'.length)
  it('answers anything with a problem document that names the field, writes nothing, and never with a 500', async () => {
    expect(inject('adminUrl')).toBeTruthy()
    const module = (await import(/* @vite-ignore */ `../${path}`)) as Module
    const [{ params }, strange] = [await ours(), await organisation()]
    const found: string[] = []
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const) {
      const handler = module[method]
      if (!handler) continue
      const own = Object.fromEntries(namesIn(path).map((id) => [id, params[id] ?? uuidv7()]))
      const ids = idAttempts(path, own, strange.params)
      const rest = method === 'GET' ? queryAttempts(own) : bodyAttempts(`${name} ${method}`, own)
      const attempts =
        method === 'GET' ? [...ids.map(({ body: _, ...attempt }) => attempt), ...rest] : [...ids, ...rest]
      found.push(...(await problemsWith(handler, method, attempts)).map((problem) => `${method} ${problem}`))
    }
    expect(found.slice(0, 12)).toEqual([])
  }, 120_000)
})
