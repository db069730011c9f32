import { describe, expect, it } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import { readParquet } from '#protocol/audit/bundle-parquet.ts'
import { verifyBundle } from '#protocol/audit/bundle-verify.ts'
import { openZip } from '#protocol/audit/bundle-zip.ts'
import { runExport } from '#server/exports/run-export.ts'
import { createApiKey } from '#server/identity/commands.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { appendEntries, type StatedDraft } from '#server/kernel/ledger.ts'
import type { Permission } from '#server/kernel/permissions.ts'
import { askReasonForNames } from '#server/tenants/commands.ts'
import { makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { DELETE as HIDE, POST as UNMASK } from '../unmaskings/route.ts'
import { POST as CANCEL } from './[exportId]/cancel/route.ts'
import { GET as DOWNLOAD } from './[exportId]/download/route.ts'
import { GET as ONE } from './[exportId]/route.ts'
import { GET as LIST, POST } from './route.ts'

useDatabase()

type Route = (request: Request, context: { params: Promise<Record<string, string>> }) => Promise<Response>

async function makeScript(scopes: Permission[] = ['audit:export', 'audit:unmask']) {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true, name: 'Olga Owner' })
  const { token } = await createApiKey(systemActor(tenantId, 'test'), { name: 'script', scopes })
  const call = (route: Route, init: RequestInit & { exportId?: string } = {}) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...init.headers }
    const request = new Request('http://localhost:3000/api/v1/audit/exports', { ...init, headers })
    return route(request, {
      params: Promise.resolve<Record<string, string>>(init.exportId ? { exportId: init.exportId } : {}),
    })
  }
  const post = (body: object, more: HeadersInit = {}) =>
    call(POST, { method: 'POST', body: JSON.stringify(body), headers: more })
  return { tenantId, owner, call, post }
}

const ask = { q: '', format: 'ndjson', timeZone: 'Europe/Berlin' }

describe('/audit/exports', () => {
  it('202, then the bundle as a whole and by ranges', async () => {
    const { tenantId, call, post } = await makeScript()
    const asked = await post(ask, { 'idempotency-key': 'once' })
    expect(asked.status).toBe(202)
    const { id, state } = await asked.json()
    expect(state).toBe('queued')
    expect((await (await post(ask, { 'idempotency-key': 'once' })).json()).id).toBe(id)
    const early = await call(DOWNLOAD, { exportId: id })
    expect([early.status, (await early.json()).code]).toEqual([409, 'conflict'])
    await runExport(tenantId, id)
    expect(await (await call(ONE, { exportId: id })).json()).toMatchObject({ state: 'ready', progress: 1 })
    expect((await (await call(LIST)).json()).items).toHaveLength(1)

    const whole = await call(DOWNLOAD, { exportId: id })
    expect(whole.status).toBe(200)
    expect(whole.headers.get('content-disposition')).toMatch(/^attachment; filename="audit-.*\.zip"$/)
    const bytes = Buffer.from(await whole.arrayBuffer())
    expect(whole.headers.get('content-length')).toBe(String(bytes.length))
    const source = { sizeBytes: bytes.length, read: async (from: number, to: number) => bytes.subarray(from, to) }
    expect(await verifyBundle(await openZip(source))).toMatchObject({ ok: true })

    const etag = whole.headers.get('etag') ?? ''
    const range = async (value: string, more: Record<string, string> = {}) => {
      const response = await call(DOWNLOAD, { exportId: id, headers: { range: value, ...more } })
      return { response, body: Buffer.from(await response.arrayBuffer()) }
    }
    const size = bytes.length
    for (const [asked, from, to] of [
      ['bytes=10-19', 10, 20],
      [`bytes=${size - 5}-`, size - 5, size],
      ['bytes=-7', size - 7, size],
    ] as const) {
      const { response, body } = await range(asked, { 'if-range': etag })
      expect(response.status).toBe(206)
      expect(response.headers.get('content-range')).toBe(`bytes ${from}-${to - 1}/${size}`)
      expect(body.equals(bytes.subarray(from, to))).toBe(true)
    }
    expect((await range(`bytes=${size}-`)).response.status).toBe(416)
    expect((await range('bytes=5-9', { 'if-range': '"other"' })).body).toHaveLength(size)
  })

  it('204: cancelled; 409 after that', async () => {
    const { call, post } = await makeScript()
    const { id } = await (await post(ask)).json()
    expect((await call(CANCEL, { method: 'POST', exportId: id })).status).toBe(204)
    expect((await call(CANCEL, { method: 'POST', exportId: id })).status).toBe(409)
    expect(await (await call(ONE, { exportId: id })).json()).toMatchObject({ state: 'cancelled' })
  })

  it('400: what is wrong, by its name', async () => {
    const { post } = await makeScript()
    for (const [body, code] of [
      [{ ...ask, format: 'xls' }, 'invalid'],
      [{ ...ask, timeZone: 'Mars/Olympus' }, 'invalid'],
      [{ ...ask, q: 'action:(' }, 'query_invalid'],
      [{ ...ask, from: '2026-11-02T00:00:00Z', to: '2026-11-01T00:00:00Z' }, 'invalid'],
      [{ ...ask, asOf: 1_000_000 }, 'invalid'],
    ] as const) {
      const response = await post(body)
      expect([response.status, (await response.json()).code]).toEqual([400, code])
    }
  })

  it('401 without a key, 403 without the scope, 404 for another organisation’s, 429 for a sixth', async () => {
    const { call, post } = await makeScript()
    const { id } = await (await post(ask)).json()
    expect((await call(ONE, { exportId: id, headers: { authorization: '' } })).status).toBe(401)
    const reader = await makeScript(['audit:read'])
    expect((await reader.post(ask)).status).toBe(403)
    const other = await makeScript()
    for (const route of [ONE, DOWNLOAD]) expect((await other.call(route, { exportId: id })).status).toBe(404)
    for (let n = 0; n < 4; n++) await post(ask)
    expect((await post(ask)).status).toBe(429)
  })
})

/** Everything of an event that may say who it was. */
const SECRET = 'zulqar'
const LIN = { id: uuidv7(), name: `Lin ${SECRET}` }
const PHONE = { id: uuidv7(), name: `${SECRET}’s phone` }
const SECRETS = [SECRET, LIN.id, PHONE.id, '198.51.100.77', 'salt']

const viewing: StatedDraft = {
  action: 'file.view',
  actor: { kind: 'person', ...LIN },
  device: PHONE,
  target: { type: 'file', id: uuidv7(), name: 'Merger plan.pdf' },
  labels: ['finance'],
  source: 'device',
  address: '198.51.100.77',
  senderId: SECRET,
  words: `about ${SECRET}`,
  detail: { page: '3', who: SECRET },
}
const change: StatedDraft = {
  action: 'person.update',
  target: { type: 'person', ...LIN },
  reason: `${SECRET} asked for it`,
  correlationId: LIN.id,
  detail: { email: { before: SECRET, after: SECRET }, method: 'password' },
}

async function log(tenantId: string, ...drafts: StatedDraft[]): Promise<void> {
  const actor = systemActor(tenantId, 'test')
  await runInTransaction({ actor, name: 'test' }, async ({ sql }) => {
    await appendEntries(
      sql,
      tenantId,
      drafts.map((draft) => ({ actor, draft })),
    )
    return { result: null, audit: [] }
  })
}

/** Every member of the bundle as text, Parquet by its rows. */
async function textOf(bytes: Buffer): Promise<string> {
  const reader = await openZip({ sizeBytes: bytes.length, read: async (from, to) => bytes.subarray(from, to) })
  const texts = await Promise.all(
    reader.names.map(async (name) => {
      const pieces: Uint8Array[] = []
      for await (const piece of reader.read(name)) pieces.push(piece)
      const member = Buffer.concat(pieces)
      return name.endsWith('.parquet') ? parquetText(member) : member.toString()
    }),
  )
  return texts.join('\n')
}

async function parquetText(part: Buffer): Promise<string> {
  const read = async function* (from: number, to: number) {
    yield part.subarray(from, to)
  }
  const all: unknown[] = [part.toString('latin1')]
  for await (const rows of readParquet({ sizeBytes: part.length, read, masked: true })) all.push(rows)
  return JSON.stringify(all, (_name, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
}

describe('what leaves to whom names are hidden from', () => {
  it.each(['csv', 'ndjson', 'parquet'])('names nobody: %s, and all that is said beside it', async (format) => {
    const { tenantId, call, post } = await makeScript(['audit:export', 'audit:read'])
    await log(tenantId, viewing, change, { ...viewing, actor: { kind: 'person', name: LIN.name }, source: 'app:mail' })
    const asked = await post({ ...ask, format })
    const { id } = await asked.json()
    await runExport(tenantId, id)
    const file = await call(DOWNLOAD, { exportId: id })
    const bytes = Buffer.from(await file.arrayBuffer())
    const text = await textOf(bytes)
    const said = [...file.headers, await (await call(ONE, { exportId: id })).text(), await (await call(LIST)).text()]
    for (const secret of [...SECRETS, 'Olga']) expect(`${text}\n${said.join('\n')}`).not.toContain(secret)
    // It is what was asked for, all the same.
    for (const shown of ['Merger plan.pdf', 'finance', '198.51.100.0/24', 'Person ', 'Device ', 'file.view'])
      expect(text).toContain(shown)
  })

  it('is nothing where it is asked for by what is hidden', async () => {
    const { tenantId, call, post } = await makeScript(['audit:export', 'audit:read'])
    await log(tenantId, viewing, change)
    const q = `actor:"${LIN.name}" OR ${SECRET} OR reason:asked OR ip:198.51.100.77`
    const { id } = await (await post({ ...ask, q })).json()
    await runExport(tenantId, id)
    expect(await (await call(ONE, { exportId: id })).json()).toMatchObject({ state: 'ready', events: 0, masked: true })
  })

  it('403 when the act is over under which it was made, and for the parts, too; 404 for the act of another key', async () => {
    const { tenantId, owner, call, post } = await makeScript(['audit:export', 'audit:read', 'audit:unmask'])
    await log(tenantId, viewing)
    await askReasonForNames(owner, {})
    const reason = JSON.stringify({ reason: 'Complaint 2026-117 of the works council' })
    await call(UNMASK, { method: 'POST', body: reason })
    const { id } = await (await post(ask)).json()
    await call(HIDE, { method: 'DELETE' })
    // Asked for under the act, made after it.
    await runExport(tenantId, id)
    const early = await call(DOWNLOAD, { exportId: id, headers: { range: 'bytes=0-9' } })
    expect([early.status, await early.text()]).toEqual([403, expect.not.stringContaining(SECRET)])
    await call(UNMASK, { method: 'POST', body: reason })
    expect(await textOf(Buffer.from(await (await call(DOWNLOAD, { exportId: id })).arrayBuffer()))).toContain(LIN.name)
    const { token } = await createApiKey(systemActor(tenantId, 'test'), {
      name: 'other',
      scopes: ['audit:export', 'audit:read', 'audit:unmask'],
    })
    const foreign = { exportId: id, headers: { authorization: `Bearer ${token}` } }
    for (const route of [ONE, DOWNLOAD]) expect((await call(route, foreign)).status).toBe(404)
    expect((await call(CANCEL, { ...foreign, method: 'POST' })).status).toBe(404)
    // Nobody gave a reason with that key: what it makes is masked.
    const own = await call(POST, { method: 'POST', body: JSON.stringify(ask), headers: foreign.headers })
    expect(await own.json()).toMatchObject({ masked: true })
  })
})
