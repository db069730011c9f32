import { spawn } from 'node:child_process'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { parseCidr } from '#lib/client-address.ts'
import { createDoor } from './console-door.mjs'

const servers: http.Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

interface Answer {
  status: number
  headers: http.IncomingHttpHeaders
  /** What the console saw, when it was reached. */
  seen?: http.IncomingHttpHeaders
}

type Ask = (options: http.RequestOptions) => Promise<Answer>

async function consoleAt(url: string, trusted: string[] = []): Promise<Ask> {
  const door = createDoor({ url, trustedProxies: trusted.map(parseCidr) })
  const server = http.createServer((request, response) => {
    if (door.admit(request, response)) response.end(JSON.stringify(request.headers))
  })
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return (options) => ask({ host: '127.0.0.1', port, ...options })
}

function ask(options: http.RequestOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request({ ...options, agent: false }, (response) => {
      let body = ''
      response.on('data', (chunk) => {
        body += chunk
      })
      response.on('end', () => {
        const status = response.statusCode ?? 0
        resolve({ status, headers: response.headers, ...(status === 200 && { seen: JSON.parse(body) }) })
      })
    })
    request.on('error', reject)
    request.end()
  })
}

const FORGED = {
  'x-forwarded-for': '10.6.6.6',
  'x-forwarded-host': 'evil.example',
  'x-forwarded-proto': 'https',
  'x-real-ip': '10.6.6.6',
  forwarded: 'for=10.6.6.6',
  'x-gatehouse-client-ip': '10.6.6.6',
}

test('200: forged forwarding headers are replaced by the peer and the configured name', async () => {
  const get = await consoleAt('http://localhost:3000')
  const { status, seen } = await get({ headers: { ...FORGED, host: 'localhost:3000' } })
  expect(status).toBe(200)
  expect(seen).toMatchObject({
    host: 'localhost:3000',
    'x-gatehouse-client-ip': '127.0.0.1',
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-host': 'localhost:3000',
    'x-forwarded-proto': 'http',
  })
  expect(JSON.stringify(seen)).not.toMatch(/10\.6\.6\.6|evil/)
})

test('200: from a trusted proxy the client it names is believed', async () => {
  const get = await consoleAt('https://console.example', ['127.0.0.1'])
  const forwarded = {
    'x-forwarded-for': '10.6.6.6, 203.0.113.9',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'console.example',
  }
  const { headers, seen } = await get({ headers: { host: 'internal:3000', ...forwarded } })
  expect(seen?.['x-gatehouse-client-ip']).toBe('203.0.113.9')
  expect(seen?.host).toBe('console.example')
  expect(headers['strict-transport-security']).toMatch(/max-age=/)
})

test('307: another Host is sent to the configured one with its path', async () => {
  const get = await consoleAt('http://localhost:3000')
  const { status, headers } = await get({ path: '/devices?q=a', headers: { host: '127.0.0.1:3000' } })
  expect([status, headers.location]).toEqual([307, 'http://localhost:3000/devices?q=a'])
  expect((await get({ path: '//evil.example', headers: { host: 'a' } })).headers.location).toBe(
    'http://localhost:3000//evil.example',
  )
  expect((await get({ path: 'http://evil.example/', headers: { host: 'a' } })).headers.location).toBe(
    'http://localhost:3000',
  )
})

test("200: the scheme's own port and capitals make no other Host", async () => {
  const get = await consoleAt('https://console.example', ['127.0.0.1'])
  const headers = { host: 'CONSOLE.example:443', 'x-forwarded-proto': 'https' }
  expect((await get({ headers })).status).toBe(200)
  expect((await get({ headers: { ...headers, host: 'console.example:8443' } })).status).toBe(307)
})

test('421: what is not a GET is never redirected', async () => {
  const get = await consoleAt('http://localhost:3000')
  expect((await get({ method: 'POST', headers: { host: 'evil.example' } })).status).toBe(421)
})

test('plain HTTP behind a proxy: redirected when the proxy says http, 403 for a POST, 400 when it says nothing', async () => {
  const get = await consoleAt('https://console.example', ['127.0.0.1'])
  const host = 'console.example'
  const plain = await get({ path: '/x', headers: { host, 'x-forwarded-proto': 'http' } })
  expect([plain.status, plain.headers.location]).toEqual([307, 'https://console.example/x'])
  expect((await get({ method: 'POST', headers: { host, 'x-forwarded-proto': 'http' } })).status).toBe(403)
  expect((await get({ headers: { host } })).status).toBe(400)
})

test('a peer that only claims HTTPS is not believed', async () => {
  const get = await consoleAt('https://console.example', ['10.0.0.0/8'])
  expect((await get({ headers: { host: 'console.example', 'x-forwarded-proto': 'https' } })).status).toBe(307)
})

test('403: off loopback plain HTTP is refused', async () => {
  // The trusted proxy on loopback reports a client elsewhere that came without TLS.
  const get = await consoleAt('http://localhost:3000', ['127.0.0.1'])
  const headers = { host: 'localhost:3000', 'x-forwarded-for': '192.0.2.4', 'x-forwarded-proto': 'http' }
  expect((await get({ headers })).status).toBe(403)
})

test('200: probes answer under any name', async () => {
  const get = await consoleAt('https://console.example')
  for (const path of ['/healthz', '/readyz'])
    expect((await get({ path, headers: { host: '10.1.1.1' } })).status).toBe(200)
})

test('every answer carries a policy with a fresh nonce, which the page may read and the client cannot choose', async () => {
  const get = await consoleAt('http://localhost:3000')
  const headers = { host: 'localhost:3000', 'content-security-policy': "script-src 'nonce-known'" }
  const [one, two] = [await get({ headers }), await get({ headers })]
  expect(one.headers['content-security-policy']).toBe(one.seen?.['content-security-policy'])
  expect(one.headers['content-security-policy']).not.toBe(two.headers['content-security-policy'])
  expect(one.headers['content-security-policy']).not.toMatch(/known|unsafe-eval|script-src[^;]*unsafe-inline/)
})

test("the viewer's frame alone has a policy without an origin, and may be framed by the console alone", async () => {
  const get = await consoleAt('https://console.example', ['127.0.0.1'])
  const headers = { host: 'console.example', 'x-forwarded-proto': 'https' }
  const policyOf = async (path: string) => (await get({ path, headers })).headers['content-security-policy'] ?? ''
  const frame = await get({ path: '/viewer/frame', headers })
  expect(frame.headers['content-security-policy']).toMatch(/^sandbox allow-scripts allow-modals; default-src 'none';/)
  expect(frame.headers['content-security-policy']).toContain(
    "script-src https://console.example/viewer/ 'wasm-unsafe-eval'",
  )
  expect(frame.headers['content-security-policy']).toMatch(/frame-ancestors 'self'/)
  expect(frame.headers['content-security-policy']).not.toMatch(/unsafe-inline|'unsafe-eval'|allow-same-origin/)
  expect(frame.headers['x-frame-options']).toBe('SAMEORIGIN')
  expect(frame.headers['strict-transport-security']).toMatch(/max-age=/)
  expect(await policyOf('/viewer/frame?file=1')).toMatch(/^sandbox/)
  for (const path of [
    '/viewer/frame/',
    '/viewer/Frame',
    '//viewer/frame',
    '/viewer/frame.js',
    '/x?/viewer/frame',
    '/workspace',
  ])
    expect(await policyOf(path), path).toMatch(/frame-ancestors 'none'/)
  expect(await policyOf('/workspace')).toContain('frame-src https://console.example/viewer/frame;')
})

test('200: what the console asks itself keeps the client of the request that caused it', async () => {
  const get = await consoleAt('https://console.example', ['127.0.0.0/8'])
  const proxied = { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https', host: 'console.example' }
  const { seen } = await get({ headers: proxied })
  const { status, seen: again } = await get({ path: '/devices', headers: { ...seen, host: '127.0.0.1:3000' } })
  expect(status).toBe(200)
  expect(again).toMatchObject({
    host: 'console.example',
    'x-gatehouse-client-ip': '203.0.113.9',
    'x-gatehouse-path': '/devices',
  })
})

test('200: the mark of another process is worth nothing', async () => {
  const [get, other] = [await consoleAt('http://localhost:3000'), await consoleAt('http://localhost:3000')]
  const { seen } = await other({ headers: { host: 'localhost:3000' } })
  const headers = { ...seen, 'x-gatehouse-client-ip': '10.6.6.6', host: 'localhost:3000' }
  expect((await get({ headers })).seen?.['x-gatehouse-client-ip']).toBe('127.0.0.1')
})

test('an upgrade does not pass by the door', async () => {
  const script = `
    const server = require('node:http').createServer((_, response) => response.end('page'))
    server.on('upgrade', (_, socket) => socket.end('HTTP/1.1 101 Switching Protocols\\r\\n\\r\\n'))
    server.listen(0, '127.0.0.1', () => console.log(server.address().port))`
  const args = ['--conditions=react-server', '--import=./scripts/console-preload.mjs', '-e', script]
  const child = spawn(process.execPath, args, { env: { ...process.env, NODE_ENV: 'production' } })
  try {
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const headers = { connection: 'upgrade', upgrade: 'websocket' }
    const request = http.get({ host: '127.0.0.1', port: Number(line.toString()), headers })
    const outcome = await new Promise((resolve) => {
      request.once('upgrade', () => resolve('upgraded')).once('error', () => resolve('closed'))
      request.once('response', () => resolve('answered'))
    })
    expect(outcome).toBe('closed')
  } finally {
    child.kill('SIGKILL')
  }
})
