import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { MAX_FILE_BYTES } from '#server/content/schema.ts'
import { createApiKey } from '#server/identity/commands.ts'
import { makeGrant, makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { PATCH } from '../uploads/[uploadId]/route.ts'
import { POST as CREATE } from '../uploads/route.ts'
import { POST } from './route.ts'

const db = useDatabase()

const MIB = 1024 ** 2
/** About 30 MiB where nothing else runs. Garbage waits to be collected when it does; a content in memory would take 200 and more. */
const MAX_GROWTH_BYTES = 160 * MIB
const TIMEOUT_MS = 120_000

const PIECE = Buffer.alloc(64 * 1024, 'The same piece, again and again. ')
const PIECES = MAX_FILE_BYTES / PIECE.length
const context = (params: Record<string, string> = {}) => ({ params: Promise.resolve(params) })

async function makeKey() {
  const owner = await makePerson(await makeTenant(), { role: 'owner', founder: true })
  const input = { name: 'script', scopes: ['content:write' as const] }
  const grant = await makeGrant(owner, createApiKey.requestHash(input))
  return `Bearer ${(await createApiKey(owner, input, { stepUpGrantId: grant })).token}`
}

/** A body of some pieces of the file, made as they are read, between what stands before and behind it. */
function bodyOf({ from = 0, to = PIECES, before = '', behind = '' }): ReadableStream<Uint8Array> {
  let sent = from
  return new ReadableStream({
    start: (controller) => before && controller.enqueue(Buffer.from(before)),
    pull: (controller) => {
      // A copy, as a network brings it: nobody upstream shares its memory.
      if (sent++ < to) return controller.enqueue(Buffer.from(PIECE))
      if (behind) controller.enqueue(Buffer.from(behind))
      controller.close()
    },
  })
}

/** How far the memory of the process rises above where it was while `work` goes on. */
async function growthWhile(work: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage.rss()
  let highest = before
  const looking = setInterval(() => {
    highest = Math.max(highest, process.memoryUsage.rss())
  }, 10)
  await work().finally(() => clearInterval(looking))
  return highest - before
}

function digest(): string {
  const hash = createHash('sha256')
  for (let piece = 0; piece < PIECES; piece++) hash.update(PIECE)
  return hash.digest('hex')
}

async function storedDigest(fileId: string): Promise<string> {
  const { rows } = await db.superuser.query<{ sha256: string }>(
    `SELECT encode(sha256, 'hex') AS sha256 FROM file WHERE id = $1`,
    [fileId],
  )
  return rows[0]?.sha256 ?? ''
}

const FORM = {
  type: 'multipart/form-data; boundary=b',
  before:
    '--b\r\ncontent-disposition: form-data; name="audience"\r\n\r\neveryone\r\n--b\r\ncontent-disposition: form-data; name="file"; filename="large.bin"\r\ncontent-type: application/octet-stream\r\n\r\n',
  behind: '\r\n--b--\r\n',
}

describe('a file of 200 MiB', { timeout: TIMEOUT_MS }, () => {
  it('comes as a form with flat memory', async () => {
    const authorization = await makeKey()
    const send = (pieces: number) => {
      const body = bodyOf({ ...FORM, to: pieces })
      const init = { method: 'POST', headers: { authorization, 'content-type': FORM.type }, body, duplex: 'half' }
      return POST(new Request('http://localhost:3000/api/v1/files', init as RequestInit), context())
    }
    // Warm: the pools, the compiled code.
    expect((await send(200)).status).toBe(201)
    let response: Response | undefined
    const growth = await growthWhile(async () => {
      response = await send(PIECES)
    })
    expect(response?.status).toBe(201)
    const file = await response?.json()
    expect(file.sizeBytes).toBe(MAX_FILE_BYTES)
    expect(await storedDigest(file.id)).toBe(digest())
    expect(growth).toBeLessThan(MAX_GROWTH_BYTES)
  })

  it('comes by tus, interrupted, and is published with flat memory', async () => {
    const authorization = await makeKey()
    const headers = { authorization, 'tus-resumable': '1.0.0' }
    const created = await CREATE(
      new Request('http://localhost:3000/api/v1/uploads', {
        method: 'POST',
        headers: { ...headers, 'upload-length': String(MAX_FILE_BYTES) },
      }),
      context(),
    )
    const location = created.headers.get('location') ?? ''
    const uploadId = location.split('/').at(-1) ?? ''
    const add = (from: number, to: number) => {
      const all = {
        ...headers,
        'content-type': 'application/offset+octet-stream',
        'upload-offset': String(from * PIECE.length),
      }
      const init = { method: 'PATCH', headers: all, body: bodyOf({ from, to }), duplex: 'half' }
      return PATCH(new Request(`http://localhost:3000${location}`, init as RequestInit), context({ uploadId }))
    }
    const publish = () => {
      const body = JSON.stringify({ uploadId, name: 'large.bin', audience: 'everyone' })
      const init = { method: 'POST', headers: { authorization, 'content-type': 'application/json' }, body }
      return POST(new Request('http://localhost:3000/api/v1/files', init), context())
    }
    let status = 0
    const growth = await growthWhile(async () => {
      expect((await add(0, 1_001)).status).toBe(204)
      expect((await add(1_001, PIECES)).status).toBe(204)
      status = (await publish()).status
    })
    expect(status).toBe(201)
    expect(await storedDigest(uploadId)).toBe(digest())
    expect(growth).toBeLessThan(MAX_GROWTH_BYTES)
  })
})
