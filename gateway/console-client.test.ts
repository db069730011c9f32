import http from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { parseEventStream } from '#agent/core/sse.ts'
import { parseCidr } from '#lib/client-address.ts'
import { blockDevice } from '#server/devices/commands.ts'
import { filesTopics } from '#server/devices/schema.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { runInTransaction } from '#server/kernel/command.ts'
import { makePerson, makeTenant, readLog, useDatabase } from '#test/harness.ts'
import { createDoor } from '../scripts/lib/console-door.mjs'
import { createDeviceApi } from '../scripts/lib/device-api.mjs'
import { type Call, FACTS, ProtocolDevice, textOf } from './test/protocol-device.ts'
import { freePort, type StartedGateway, startGateway } from './test/started-gateway.ts'

vi.setConfig({ testTimeout: 60_000 })

const db = useDatabase()
let gateway: StartedGateway
let admin: PersonActor
let device: ProtocolDevice
let server: http.Server
let consoleUrl: string
/** What passed the door on to Next. */
const passed: (string | undefined)[] = []

beforeAll(async () => {
  const port = await freePort()
  consoleUrl = 'https://console.example'
  gateway = await startGateway(db.dataDir, { env: { url: consoleUrl } })
  const env = { host: '127.0.0.1', gatewayPort: gateway.port, gatewayUrl: gateway.url, dataDir: db.dataDir }
  const trustedProxies = [parseCidr('127.0.0.1')]
  const door = createDoor({ url: consoleUrl, trustedProxies, deviceApi: createDeviceApi(env) })
  server = http.createServer((request, response) => {
    if (!door.admit(request, response)) return
    passed.push(request.url)
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  admin = await makePerson(await makeTenant(), { role: 'owner', founder: true })
  device = await ProtocolDevice.enroll(gateway, admin)
})
afterAll(async () => {
  device.close()
  server.closeAllConnections()
  server.close()
  await gateway.stop()
})

/** As a browser at 203.0.113.9, behind a trusted proxy, asks the console's origin. */
async function open({ method = 'GET', path, body, type, headers }: Call): Promise<http.IncomingMessage> {
  const dpop = await device.proof({ method, path, proof: { url: `${consoleUrl}/device/v1${path}` } })
  const { port } = server.address() as AddressInfo
  return new Promise((resolve, reject) => {
    const sent = http.request(
      {
        host: '127.0.0.1',
        port,
        method,
        path: `/device/v1${path}`,
        headers: {
          host: new URL(consoleUrl).host,
          'x-forwarded-for': '203.0.113.9',
          'x-forwarded-proto': 'https',
          dpop,
          authorization: `DPoP ${device.token}`,
          ...(type ? { 'content-type': type } : {}),
          ...headers,
        },
      },
      resolve,
    )
    sent.on('error', reject)
    sent.end(typeof body === 'object' && !(body instanceof Uint8Array) ? JSON.stringify(body) : body)
  })
}

it('a device speaks on the console’s origin; its own address is on record and no forged one', async () => {
  const forged = { 'x-gatehouse-client-ip': '10.6.6.6', 'x-gatehouse-console': 'guess', cookie: 'session=secret' }
  const answer = await open({ method: 'POST', path: '/facts', body: FACTS, type: 'application/json', headers: forged })
  expect([answer.statusCode, JSON.parse(await textOf(answer)).status]).toEqual([200, 'active'])
  expect(answer.headers['gatehouse-policy-version']).toBe('1')
  await vi.waitFor(
    async () => {
      const { rows } = await db.superuser.query('SELECT * FROM device_presence WHERE device_id = $1', [device.id])
      // The browser's TLS ended at the proxy: nothing is said of what nobody here has seen.
      expect(rows[0]).toMatchObject({ address: '203.0.113.9', tls_protocol: '', tls_cipher: '' })
    },
    { timeout: 20_000 },
  )
  expect(passed).toEqual([])
})

it('a forged word of the console’s is not believed at the gateway itself', async () => {
  const headers = { 'x-gatehouse-client-ip': '10.6.6.6', 'x-gatehouse-console': 'guess' }
  const { status } = await device.call({ method: 'POST', path: '/facts', body: FACTS, headers })
  expect(status).toBe(200)
  const log = JSON.stringify(await readLog(db, admin.tenantId))
  expect(log).not.toContain('10.6.6.6')
})

it('the stream is not held back: files and orders arrive while it stands', async () => {
  const stream = await open({ path: '/commands', headers: { accept: 'text/event-stream' } })
  const events = parseEventStream(stream)
  const told = { everyone: false, people: [{ id: admin.personId }] }
  await runInTransaction({ actor: admin, name: 'test.files' }, async () => ({
    result: null,
    audit: { action: 'file.update', target: { type: 'file', id: device.id, name: 'x' }, detail: {} },
    notify: filesTopics(told),
  }))
  expect((await events.next()).value).toMatchObject({ event: 'files' })
  await blockDevice(admin, { deviceId: device.id })
  expect((await events.next()).value).toMatchObject({ event: 'command' })
  stream.destroy()
})

it.each(['GET', 'DELETE', 'HEAD'])('a body of %s stays one: no request is hidden in it', async (method) => {
  const arrived: string[] = []
  const listen = ({ url }: http.IncomingMessage) => arrived.push(url ?? '')
  gateway.app.server.on('request', listen)
  const hidden = 'GET /device/v1/hidden HTTP/1.1\r\nhost: x\r\n\r\n'
  const { port } = server.address() as AddressInfo
  const socket = connect(port, '127.0.0.1')
  socket.write(
    `${method} /device/v1/open HTTP/1.1\r\nhost: console.example\r\nx-forwarded-for: 203.0.113.9\r\nx-forwarded-proto: https\r\n` +
      `transfer-encoding: chunked\r\n\r\n${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`,
  )
  await new Promise((resolve) => socket.once('data', resolve))
  // Asked next on the same connection, it gets its own answer.
  expect((await open({ path: '/commands' })).statusCode).toBe(200)
  socket.destroy()
  gateway.app.server.off('request', listen)
  expect(arrived).toEqual(['/device/v1/open', '/device/v1/commands'])
})

it('503 with a problem when the gateway does not answer', async () => {
  await gateway.stop()
  const answer = await open({ path: '/policy' })
  expect([answer.statusCode, JSON.parse(await textOf(answer)).code]).toEqual([503, 'unavailable'])
})
