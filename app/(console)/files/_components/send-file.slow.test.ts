import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { DELETE, HEAD, PATCH } from '#app/api/v1/uploads/[uploadId]/route.ts'
import { POST } from '#app/api/v1/uploads/route.ts'
import { publishFile } from '#server/content/commands.ts'
import { apiKeyFromRequest } from '#server/http/authenticate.ts'
import { createApiKey } from '#server/identity/commands.ts'
import { makeGrant, makePerson, makeTenant, useDatabase } from '#test/harness.ts'
import { type Sending, SendingRefused, type SendOptions, sendFile } from './send-file.ts'

useDatabase()

const ENDPOINT = '/api/v1/uploads'
const PIECE_BYTES = 4 * 1024 * 1024

type Fault = 'none' | 'lost before' | 'lost after' | 'cut' | number

async function makeServer(faults: Fault[] = []) {
  const owner = await makePerson(await makeTenant(), { role: 'owner', founder: true })
  const input = { name: 'script', scopes: ['content:write' as const] }
  const grant = await makeGrant(owner, createApiKey.requestHash(input))
  const authorization = `Bearer ${(await createApiKey(owner, input, { stepUpGrantId: grant })).token}`
  const asked: string[] = []
  const answer = (path: string, init: RequestInit): Promise<Response> => {
    const headers = new Headers(init.headers)
    headers.set('authorization', authorization)
    const request = new Request(`http://localhost:3000${path}`, { ...init, headers, duplex: 'half' } as RequestInit)
    const uploadId = path.slice(ENDPOINT.length + 1)
    const handlers: Record<string, typeof POST> = { POST, HEAD, PATCH, DELETE }
    const handler = handlers[init.method ?? 'GET'] ?? POST
    return handler(request, { params: Promise.resolve({ uploadId }) })
  }
  /** The real handlers behind a network with these faults, one a request. */
  const transport: NonNullable<SendOptions['transport']> = async (path, init) => {
    asked.push(init.method ?? 'GET')
    const fault = faults.shift() ?? 'none'
    if (fault === 'lost before') throw new TypeError('network')
    if (typeof fault === 'number') return new Response(null, { status: fault })
    if (fault === 'cut') await answer(path, { ...init, body: await firstHalf(init.body as Blob) })
    const response = fault === 'cut' ? undefined : await answer(path, init)
    if (!response || fault === 'lost after') throw new TypeError('network')
    return response
  }
  const actor = async () => {
    const found = await apiKeyFromRequest(new Request('http://localhost:3000', { headers: { authorization } }))
    if (!found) throw new Error('the key is not known')
    return found
  }
  return { transport, asked, actor }
}

async function firstHalf(body: Blob): Promise<ReadableStream> {
  const bytes = new Uint8Array(await body.slice(0, body.size / 2).arrayBuffer())
  return new ReadableStream({
    start: (controller) => controller.enqueue(bytes),
    pull: (controller) => controller.error(new Error('aborted')),
  })
}

const fileOf = (content: Uint8Array<ArrayBuffer>, name = 'Übersicht.pdf') =>
  new File([content], name, { type: 'application/pdf' })
const wait = () => Promise.resolve()

describe('sendFile', () => {
  it.each<[string, Fault[]]>([
    ['nothing', []],
    ['the beginning lost', ['lost before', 'lost after']],
    ['a piece that never arrived', ['none', 'lost before']],
    ['a piece whose answer was lost', ['none', 'lost after', 'lost before', 'none']],
    ['a piece that was cut', ['none', 'none', 'none', 'cut']],
    ['a server that restarts', ['none', 503, 502, 'none']],
    ['a server that is busy', [429, 'none']],
  ])('brings the whole file over, with %s', async (_what, faults) => {
    const { transport, actor } = await makeServer(faults)
    const content = new Uint8Array(randomBytes(2 * PIECE_BYTES + 5))
    const seen: Sending[] = []
    const location = await sendFile({
      file: fileOf(content),
      endpoint: ENDPOINT,
      transport,
      wait,
      onSending: (sending) => seen.push(sending),
    })
    expect(seen.at(-1)).toEqual({ sentBytes: content.length, isWaiting: false })
    const uploadId = location.split('/').at(-1) ?? ''
    const file = await publishFile(await actor(), { name: 'a.pdf', audience: 'everyone', uploadId })
    expect(file).toMatchObject({ sizeBytes: content.length, mediaType: 'application/pdf' })
  })

  it('goes on from where an earlier attempt gave up, and says where that is', async () => {
    const broken = Array<Fault>(11).fill('lost before')
    const { transport, asked } = await makeServer(['none', 'none', ...broken])
    const file = fileOf(new Uint8Array(randomBytes(2 * PIECE_BYTES)))
    let location: string | undefined
    const options: SendOptions = {
      file,
      endpoint: ENDPOINT,
      transport,
      wait,
      onBegun: (place) => {
        location = place
      },
    }
    await expect(sendFile(options)).rejects.toThrow('the connection failed')
    asked.length = 0
    expect(await sendFile({ ...options, location })).toBe(location)
    expect(asked).toEqual(['HEAD', 'PATCH'])
  })

  it('begins anew what the server knows no more', async () => {
    const { transport } = await makeServer()
    const location = `${ENDPOINT}/01a20690-b980-73cb-9686-23d9a854c28b`
    const sent = await sendFile({ file: fileOf(new Uint8Array(5)), endpoint: ENDPOINT, location, transport, wait })
    expect(sent).not.toBe(location)
  })

  it('names what the server does not take', async () => {
    const { transport } = await makeServer()
    const file = fileOf(new Uint8Array(5), 'a\u202eb.pdf')
    const sending = sendFile({ file, endpoint: ENDPOINT, transport, wait })
    await expect(sending).rejects.toMatchObject({ code: 'invalid', fields: ['name'] })
    await expect(sending).rejects.toBeInstanceOf(SendingRefused)
  })

  it('stops when the page is left', async () => {
    const { transport } = await makeServer()
    const sending = sendFile({
      file: fileOf(new Uint8Array(5)),
      endpoint: ENDPOINT,
      transport,
      wait,
      signal: AbortSignal.abort(),
    })
    await expect(sending).rejects.toMatchObject({ name: 'AbortError' })
  })
})
