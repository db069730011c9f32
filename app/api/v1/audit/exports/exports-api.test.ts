import { describe, expect, it } from 'vitest'
import { verifyBundle } from '#protocol/audit/bundle-verify.ts'
import { openZip } from '#protocol/audit/bundle-zip.ts'
import { runExport } from '#server/exports/run-export.ts'
import { createApiKey } from '#server/identity/commands.ts'
import { systemActor } from '#server/kernel/actor.ts'
import type { Permission } from '#server/kernel/permissions.ts'
import { makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { POST as CANCEL } from './[exportId]/cancel/route.ts'
import { GET as DOWNLOAD } from './[exportId]/download/route.ts'
import { GET as ONE } from './[exportId]/route.ts'
import { GET as LIST, POST } from './route.ts'

useDatabase()

type Route = (request: Request, context: { params: Promise<Record<string, string>> }) => Promise<Response>

async function makeScript(scopes: Permission[] = ['audit:export', 'audit:unmask']) {
  const tenantId = await makeTenant()
  await makePerson(tenantId, { role: 'owner', founder: true })
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
  return { tenantId, call, post }
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
