import { describe, expect, it } from 'vitest'
import { createApiKey } from '#server/identity/commands.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { makeGrant, makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { DELETE, GET as GET_ONE } from './[fileId]/route.ts'
import { GET, POST } from './route.ts'

const db = useDatabase()

async function makeKey(owner: PersonActor, scopes: ('content:read' | 'content:write')[]) {
  const input = { name: 'script', scopes }
  const { token } = await createApiKey(owner, input, {
    stepUpGrantId: await makeGrant(owner, createApiKey.requestHash(input)),
  })
  return `Bearer ${token}`
}

async function makeOffice() {
  const tenantId = await makeTenant()
  const owner = await makePerson(tenantId, { role: 'owner', founder: true })
  return { tenantId, owner, authorization: await makeKey(owner, ['content:read', 'content:write']) }
}

const URL_ = 'http://localhost:3000/api/v1/files'
const context = (params: Record<string, string> = {}) => ({ params: Promise.resolve(params) })

function uploading(
  authorization: string,
  fields: Record<string, string | string[]> = {},
  file: File | null = new File(['The plan'], 'Plan.txt', { type: 'text/plain' }),
) {
  const body = new FormData()
  if (file) body.append('file', file)
  for (const [name, value] of Object.entries({ audience: 'everyone', ...fields }))
    for (const one of [value].flat()) body.append(name, one)
  return POST(new Request(URL_, { method: 'POST', headers: { authorization }, body }), context())
}

describe('POST /files', () => {
  it('201: publishes what was sent', async () => {
    const { authorization, owner } = await makeOffice()
    const response = await uploading(authorization, { labels: 'internal, finance', audience: [owner.email] })
    expect(response.status).toBe(201)
    const file = await response.json()
    expect(file).toMatchObject({
      name: 'Plan.txt',
      mediaType: 'text/plain',
      sizeBytes: 8,
      labels: ['finance', 'internal'],
      audience: { everyone: false, people: 1 },
    })
    const list = await (await GET(new Request(`${URL_}?q=plan`, { headers: { authorization } }), context())).json()
    expect(list).toMatchObject({ items: [{ id: file.id }], nextCursor: null })
    const one = await (
      await GET_ONE(new Request(`${URL_}/${file.id}`, { headers: { authorization } }), context({ fileId: file.id }))
    ).json()
    expect(one).toMatchObject({
      people: [{ email: owner.email }],
      holders: [],
      publishedAt: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/),
    })
  })

  it.each<[string, string, Record<string, string | string[]>, File | null]>([
    ['file', 'without a file', {}, null],
    ['file', 'an empty file', {}, new File([], 'x')],
    ['name', 'a name that reorders text', {}, new File(['x'], 'invoice\u202efdp.exe')],
    ['name', 'a path', {}, new File(['x'], '../../etc/passwd')],
    ['name', 'a dot at the end', {}, new File(['x'], 'a.pdf.')],
    ['mediaType', 'a type that is none', { mediaType: 'x' }, new File(['x'], 'x')],
    ['audience', 'an unknown person', { audience: 'nobody@example.org' }, new File(['x'], 'x')],
    ['audience', 'a broken list', { audience: '["a' }, new File(['x'], 'x')],
    ['labels', 'a label of two words', { labels: 'two words' }, new File(['x'], 'x')],
    ['name', 'a name twice', { name: ['a', 'b'] }, new File(['x'], 'x')],
    ['colour', 'an unknown field', { colour: 'red' }, new File(['x'], 'x')],
  ])('400 names %s: %s', async (field, _why, fields, file) => {
    const { authorization } = await makeOffice()
    const response = await uploading(authorization, fields, file)
    expect(response.status).toBe(400)
    const problem = await response.json()
    expect(problem.code).toBe('invalid')
    expect(problem.errors[0].field.split('.')[0]).toBe(field)
  })

  it('400 for fields that are large together: nobody keeps them in memory', async () => {
    const { authorization } = await makeOffice()
    const response = await uploading(authorization, { labels: Array(6).fill('x'.repeat(60_000)) }, null)
    expect([response.status, (await response.json()).errors]).toEqual([
      400,
      [{ field: 'labels', detail: 'is too long' }],
    ])
  })

  it('400 for a body that is no form, 415 for another type', async () => {
    const { authorization } = await makeOffice()
    const send = (type: string) =>
      POST(
        new Request(URL_, { method: 'POST', headers: { authorization, 'content-type': type }, body: 'x' }),
        context(),
      )
    expect((await send('multipart/form-data; boundary=b')).status).toBe(400)
    expect((await send('text/plain')).status).toBe(415)
  })

  it('413 before the whole body is read', async () => {
    const { authorization } = await makeOffice()
    let sent = 0
    const body = new ReadableStream({
      pull(controller) {
        sent += 1
        controller.enqueue(new Uint8Array(1024 * 1024))
        if (sent > 300) controller.close()
      },
    })
    const headers = { authorization, 'content-type': 'multipart/form-data; boundary=b' }
    const response = await POST(
      new Request(URL_, { method: 'POST', headers, body, duplex: 'half' } as RequestInit),
      context(),
    )
    expect(response.status).toBe(413)
    expect(sent).toBeLessThan(230)
  })

  it('401 without a key, 403 without the scope', async () => {
    const { owner } = await makeOffice()
    expect((await POST(new Request(URL_, { method: 'POST', body: new FormData() }), context())).status).toBe(401)
    expect((await uploading(await makeKey(owner, ['content:read']))).status).toBe(403)
  })
})

describe('POST /files, as its bytes come', () => {
  it('takes fields that stand behind the file, and a name that is not ASCII', async () => {
    const { authorization } = await makeOffice()
    const body = new FormData()
    body.append('file', new File([new Uint8Array(2_500_000)], '计划 – Übersicht.bin'))
    body.append('labels', 'internal')
    body.append('audience', 'everyone')
    const response = await POST(new Request(URL_, { method: 'POST', headers: { authorization }, body }), context())
    expect(response.status).toBe(201)
    expect(await response.json()).toMatchObject({
      name: '计划 – Übersicht.bin',
      labels: ['internal'],
      sizeBytes: 2_500_000,
    })
  })

  it('leaves nothing behind of what was refused or cut off', async () => {
    const { authorization, tenantId } = await makeOffice()
    expect(
      (await uploading(authorization, { labels: 'two words' }, new File([new Uint8Array(3_000_000)], 'x'))).status,
    ).toBe(400)
    const form = new FormData()
    form.append('file', new File([new Uint8Array(3_000_000)], 'x'))
    form.append('audience', 'everyone')
    const whole = new Request(URL_, { method: 'POST', body: form })
    const type = whole.headers.get('content-type') ?? ''
    const bytes = new Uint8Array(await whole.arrayBuffer())
    // Cut in the file, and cut where only the last boundary is missing: the fields might be short of one.
    for (const end of [1_500_000, bytes.length - 40]) {
      const headers = { authorization, 'content-type': type }
      const cut = new Request(URL_, { method: 'POST', headers, body: bytes.slice(0, end) })
      expect((await POST(cut, context())).status).toBe(400)
    }
    const left = await db.superuser.query(
      'SELECT 1 FROM file_chunk WHERE tenant_id = $1 UNION ALL SELECT 1 FROM file_upload WHERE tenant_id = $1',
      [tenantId],
    )
    expect(left.rowCount).toBe(0)
  })

  it('413 for a file of more than the limit, whatever is claimed', async () => {
    const { authorization } = await makeOffice()
    const headers = { authorization, 'content-type': 'multipart/form-data; boundary=b', 'content-length': '300000000' }
    expect((await POST(new Request(URL_, { method: 'POST', headers, body: 'x' }), context())).status).toBe(413)
  })

  it('with one Idempotency-Key is one file, and another file with it is refused', async () => {
    const { authorization, tenantId } = await makeOffice()
    const send = (text: string) => {
      const body = new FormData()
      body.append('file', new File([text], 'Plan.txt', { type: 'text/plain' }))
      body.append('audience', 'everyone')
      return POST(
        new Request(URL_, { method: 'POST', headers: { authorization, 'idempotency-key': 'once' }, body }),
        context(),
      )
    }
    const [first, again] = [await (await send('The plan')).json(), await (await send('The plan')).json()]
    expect(again.id).toBe(first.id)
    expect((await send('Another')).status).toBe(409)
    const { rows } = await db.superuser.query(
      'SELECT count(DISTINCT content_id)::int AS contents FROM file_chunk WHERE tenant_id = $1',
      [tenantId],
    )
    expect(rows).toEqual([{ contents: 1 }])
  })
})

describe('DELETE /files/{id}', () => {
  it('202: asked by a key it waits for a person; 400 without a reason; 404 for another organisation', async () => {
    const [{ authorization }, other] = [await makeOffice(), await makeOffice()]
    const { id } = await (await uploading(authorization)).json()
    const remove = (by: string, query = '') =>
      DELETE(
        new Request(`${URL_}/${id}${query}`, { method: 'DELETE', headers: { authorization: by } }),
        context({ fileId: id }),
      )
    expect((await remove(authorization)).status).toBe(400)
    expect((await remove(other.authorization, '?reason=mistake')).status).toBe(404)
    const response = await remove(authorization, '?reason=mistake')
    expect(response.status).toBe(202)
    expect(await response.json()).toMatchObject({ state: 'awaiting_approval', file: { id, status: 'deleting' } })
  })
})
