import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { OfflineError } from '#agent/core/errors.ts'
import type { TransportRequest, TransportResponse } from '#agent/core/ports.ts'
import { concatBytes, utf8Decode, utf8Encode } from '#lib/bytes.ts'
import { createFetchTransport } from './fetch-transport.ts'

let server: Server
let origin: string

beforeAll(async () => {
  server = createServer((request, response) => {
    response.setHeader('x-method', String(request.method))
    if (request.url === '/silent') return
    if (request.url === '/moved') return response.writeHead(302, { location: '/echo' }).end()
    if (request.url === '/echo') return request.pipe(response)
    response.write('first')
    if (request.url === '/broken') setTimeout(() => response.destroy(), 20)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterAll(() => {
  server.closeAllConnections()
  server.close()
})

const call = (path: string, change: Partial<TransportRequest> = {}): TransportRequest => ({
  method: 'GET',
  url: origin + path,
  headers: {},
  timeoutMs: 10_000,
  ...change,
})

async function textOf(response: TransportResponse): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const part of response.chunks) parts.push(part)
  return utf8Decode(concatBytes(...parts))
}

const { request } = createFetchTransport()

it('sends and receives, without cookies and without following', async () => {
  const spy = vi.spyOn(globalThis, 'fetch')
  const response = await request(call('/echo', { method: 'POST', body: utf8Encode('hello') }))
  expect([response.status, response.header('x-method')]).toEqual([200, 'POST'])
  expect(await textOf(response)).toBe('hello')
  expect(spy.mock.calls[0]?.[1]).toMatchObject({ credentials: 'omit', redirect: 'error', cache: 'no-store' })
  await expect(request(call('/moved'))).rejects.toBeInstanceOf(OfflineError)
})

it('gives up after silence, before and within the answer', async () => {
  await expect(request(call('/silent', { timeoutMs: 50 }))).rejects.toBeInstanceOf(OfflineError)
  const response = await request(call('/stalls', { timeoutMs: 300 }))
  await expect(textOf(response)).rejects.toBeInstanceOf(OfflineError)
})

it('says offline where the connection breaks or is given up', async () => {
  await expect(request(call('', { url: 'http://127.0.0.1:9/' }))).rejects.toBeInstanceOf(OfflineError)
  await expect(textOf(await request(call('/broken')))).rejects.toBeInstanceOf(OfflineError)
  await expect(request(call('/echo', { signal: AbortSignal.abort() }))).rejects.toBeInstanceOf(OfflineError)
})

it('hands on what has arrived while the rest is on its way', async () => {
  const response = await request(call('/stalls'))
  for await (const part of response.chunks) {
    expect(utf8Decode(part)).toBe('first')
    break
  }
})
