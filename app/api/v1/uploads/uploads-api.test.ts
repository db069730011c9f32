import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { uuidv7 } from '#lib/uuid.ts'
import { MAX_FILE_BYTES } from '#server/content/schema.ts'
import { createApiKey } from '#server/identity/commands.ts'
import { testingOnlyAdvanceClock } from '#server/kernel/clock.ts'
import { makeGrant, makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { POST as PUBLISH } from '../files/route.ts'
import { DELETE, HEAD, OPTIONS, POST as OVERRIDE, PATCH } from './[uploadId]/route.ts'
import { POST } from './route.ts'

useDatabase()

const URL_ = 'http://localhost:3000/api/v1/uploads'
const OFFSET = 'application/offset+octet-stream'

async function makeKey(scopes: ('content:read' | 'content:write')[] = ['content:write']) {
  const owner = await makePerson(await makeTenant(), { role: 'owner', founder: true })
  const input = { name: 'script', scopes }
  const grant = await makeGrant(owner, createApiKey.requestHash(input))
  const { token } = await createApiKey(owner, input, { stepUpGrantId: grant })
  return `Bearer ${token}`
}

const context = (params: Record<string, string> = {}) => ({ params: Promise.resolve(params) })
const base64 = (text: string) => Buffer.from(text).toString('base64')

function creating(authorization: string, headers: Record<string, string>) {
  const all = { authorization, 'tus-resumable': '1.0.0', ...headers }
  return POST(new Request(URL_, { method: 'POST', headers: all }), context())
}

async function created(authorization: string, content: Uint8Array): Promise<string> {
  const response = await creating(authorization, { 'upload-length': String(content.length) })
  expect(response.status).toBe(201)
  return response.headers.get('location')?.split('/').at(-1) ?? ''
}

type Asked = { headers?: Record<string, string>; body?: BodyInit }

function asking(
  route: typeof HEAD,
  method: string,
  authorization: string,
  uploadId: string,
  { headers = {}, body }: Asked = {},
) {
  const init = { method, headers: { authorization, 'tus-resumable': '1.0.0', ...headers }, body, duplex: 'half' }
  return route(new Request(`${URL_}/${uploadId}`, init as RequestInit), context({ uploadId }))
}

const adding = (authorization: string, uploadId: string, offset: number, body: BodyInit, headers = {}) =>
  asking(PATCH, 'PATCH', authorization, uploadId, {
    body,
    headers: { 'content-type': OFFSET, 'upload-offset': String(offset), ...headers },
  })

function publishing(authorization: string, input: object) {
  const headers = { authorization, 'content-type': 'application/json' }
  const url = 'http://localhost:3000/api/v1/files'
  return PUBLISH(new Request(url, { method: 'POST', headers, body: JSON.stringify(input) }), context())
}

describe('an upload by tus', () => {
  it('201, 200, 204, and then 201 as a file of what was declared', async () => {
    const authorization = await makeKey()
    const content = randomBytes(100_000)
    const metadata = `filename ${base64('Übersicht.pdf')},filetype ${base64('application/pdf; charset=binary')},other`
    const response = await creating(authorization, { 'upload-length': '100000', 'upload-metadata': metadata })
    expect(response.status).toBe(201)
    expect(response.headers.get('tus-resumable')).toBe('1.0.0')
    expect(Date.parse(response.headers.get('upload-expires') ?? '')).toBeGreaterThan(0)
    const location = response.headers.get('location') ?? ''
    expect(location).toMatch(/^\/api\/v1\/uploads\/[0-9a-f-]{36}$/)
    const uploadId = location.split('/').at(-1) ?? ''
    const first = await adding(authorization, uploadId, 0, content.subarray(0, 40_000))
    expect([first.status, first.headers.get('upload-offset')]).toEqual([204, '40000'])
    const head = await asking(HEAD, 'HEAD', authorization, uploadId)
    expect(head.status).toBe(200)
    expect(Object.fromEntries(head.headers)).toMatchObject({
      'upload-offset': '40000',
      'upload-length': '100000',
      'cache-control': 'no-store',
    })
    expect((await publishing(authorization, { uploadId, name: 'a.pdf', audience: 'everyone' })).status).toBe(409)
    expect((await adding(authorization, uploadId, 40_000, content.subarray(40_000))).status).toBe(204)
    const published = await publishing(authorization, { uploadId, name: 'Übersicht.pdf', audience: 'everyone' })
    expect(published.status).toBe(201)
    expect(await published.json()).toMatchObject({ id: uploadId, mediaType: 'application/pdf', sizeBytes: 100_000 })
    expect((await asking(HEAD, 'HEAD', authorization, uploadId)).status).toBe(404)
  })

  it('keeps what has arrived of a request that breaks off', async () => {
    const authorization = await makeKey()
    const uploadId = await created(authorization, randomBytes(1_000))
    const broken = new ReadableStream({
      start: (controller) => controller.enqueue(new Uint8Array(300)),
      pull: (controller) => controller.error(Object.assign(new Error('aborted'), { code: 'ECONNRESET' })),
    })
    expect((await adding(authorization, uploadId, 0, broken)).status).toBe(400)
    expect((await asking(HEAD, 'HEAD', authorization, uploadId)).headers.get('upload-offset')).toBe('300')
  })

  it('409 for another offset, saying where it stands', async () => {
    const authorization = await makeKey()
    const uploadId = await created(authorization, randomBytes(10))
    const response = await adding(authorization, uploadId, 5, randomBytes(5))
    expect(response.status).toBe(409)
    expect(await response.json()).toMatchObject({ code: 'conflict', offsetBytes: 0 })
  })

  it('412 without the protocol’s version, or with another', async () => {
    const authorization = await makeKey()
    for (const version of ['0.2.2', '']) {
      const response = await creating(authorization, { 'upload-length': '1', 'tus-resumable': version })
      expect([response.status, response.headers.get('tus-version')]).toEqual([412, '1.0.0'])
    }
  })

  it('413 for more than a file may have, and for more than was announced', async () => {
    const authorization = await makeKey()
    expect((await creating(authorization, { 'upload-length': String(MAX_FILE_BYTES + 1) })).status).toBe(413)
    const uploadId = await created(authorization, randomBytes(10))
    expect((await adding(authorization, uploadId, 0, randomBytes(11))).status).toBe(413)
    expect((await adding(authorization, uploadId, 0, randomBytes(10), { 'content-length': '11' })).status).toBe(413)
  })

  it('415 for another content type', async () => {
    const authorization = await makeKey()
    const uploadId = await created(authorization, randomBytes(10))
    const response = await adding(authorization, uploadId, 0, randomBytes(10), { 'content-type': 'text/plain' })
    expect(response.status).toBe(415)
    expect(response.headers.get('tus-resumable')).toBe('1.0.0')
  })

  it.each<[string, Record<string, string>]>([
    ['Upload-Length', {}],
    ['Upload-Length', { 'upload-length': '0' }],
    ['Upload-Length', { 'upload-length': '-1' }],
    ['Upload-Length', { 'upload-defer-length': '1' }],
    ['Upload-Metadata', { 'upload-length': '1', 'upload-metadata': 'filename ÄÖ' }],
    ['Upload-Metadata', { 'upload-length': '1', 'upload-metadata': 'a b c' }],
    ['name', { 'upload-length': '1', 'upload-metadata': `filename ${base64('a\u202eb')}` }],
    ['name', { 'upload-length': '1', 'upload-metadata': `filename ${base64('../a')}` }],
    ['mediaType', { 'upload-length': '1', 'upload-metadata': `filetype ${base64('nonsense')}` }],
  ])('400 names %s: %j', async (field, headers) => {
    const response = await creating(await makeKey(), headers)
    expect(response.status).toBe(400)
    expect((await response.json()).errors[0].field).toBe(field)
  })

  it('204 removes it; then, and for another organisation, 404', async () => {
    const [authorization, other] = [await makeKey(), await makeKey()]
    const uploadId = await created(authorization, randomBytes(10))
    for (const [route, method] of [
      [HEAD, 'HEAD'],
      [DELETE, 'DELETE'],
    ] as const)
      expect((await asking(route, method, other, uploadId)).status).toBe(404)
    expect((await adding(other, uploadId, 0, randomBytes(10))).status).toBe(404)
    expect((await asking(DELETE, 'DELETE', authorization, uploadId)).status).toBe(204)
    expect((await asking(DELETE, 'DELETE', authorization, uploadId)).status).toBe(404)
    expect((await asking(HEAD, 'HEAD', authorization, uuidv7())).status).toBe(404)
    expect((await asking(HEAD, 'HEAD', authorization, 'x')).status).toBe(400)
  })

  it('takes POST for another method where the header says so, 405 without', async () => {
    const authorization = await makeKey()
    const uploadId = await created(authorization, randomBytes(10))
    const override = (method: string | null, headers: Record<string, string> = {}, body?: BodyInit) =>
      asking(OVERRIDE, 'POST', authorization, uploadId, {
        headers: { ...headers, ...(method ? { 'x-http-method-override': method } : {}) },
        body,
      })
    const patch = { 'content-type': OFFSET, 'upload-offset': '0' }
    expect((await override('PATCH', patch, randomBytes(4))).headers.get('upload-offset')).toBe('4')
    expect((await override('HEAD')).headers.get('upload-offset')).toBe('4')
    expect((await override(null)).status).toBe(405)
    expect((await override('PUT')).status).toBe(405)
    expect((await override('DELETE')).status).toBe(204)
  })

  it('401 without a key, 403 without the scope', async () => {
    const headers = { 'tus-resumable': '1.0.0', 'upload-length': '1' }
    expect((await POST(new Request(URL_, { method: 'POST', headers }), context())).status).toBe(401)
    expect((await creating(await makeKey(['content:read']), { 'upload-length': '1' })).status).toBe(403)
  })

  it('204 to OPTIONS, with what is spoken', () => {
    const { status, headers } = OPTIONS()
    expect(status).toBe(204)
    expect(Object.fromEntries(headers)).toMatchObject({
      'tus-version': '1.0.0',
      'tus-extension': 'creation,expiration,termination',
      'tus-max-size': String(MAX_FILE_BYTES),
    })
  })

  it('410 after a day without a byte', async () => {
    const authorization = await makeKey()
    const uploadId = await created(authorization, randomBytes(10))
    testingOnlyAdvanceClock(25 * 3_600_000)
    expect((await asking(HEAD, 'HEAD', authorization, uploadId)).status).toBe(410)
    expect((await adding(authorization, uploadId, 0, randomBytes(10))).status).toBe(410)
  })
})
