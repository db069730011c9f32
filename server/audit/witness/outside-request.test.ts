import { createServer, type Server } from 'node:http'
import { afterEach, expect, it } from 'vitest'
import { parseCidr } from '#lib/client-address.ts'
import { isAllowedAddress, isAllowedUrl, postOutside } from './outside-request.ts'

const LOOPBACK = [parseCidr('127.0.0.0/8')]
const ELSEWHERE = [parseCidr('10.0.0.0/8')]
let server: Server | undefined

afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

async function listen(
  answer: (server: Parameters<Parameters<typeof createServer>[1] & object>[1]) => void,
): Promise<number> {
  server = createServer((_request, response) => answer(response))
  await new Promise<void>((done) => server?.listen(0, '127.0.0.1', done))
  const address = server.address()
  return typeof address === 'object' && address ? address.port : 0
}

const post = (url: string, networks = LOOPBACK) =>
  postOutside({ url, body: 'old 0\n', networks, timeoutMs: 200, maxBytes: 100 })

it('says nothing, or begins and never ends: given up in time', async () => {
  const silent = await listen(() => {})
  await expect(post(`http://127.0.0.1:${silent}`)).rejects.toMatchObject({ problem: 'timeout' })
  server?.closeAllConnections()
  const endless = await listen((response) => response.write('a'))
  await expect(post(`http://127.0.0.1:${endless}`)).rejects.toMatchObject({ problem: 'timeout' })
})

it('a name is held to the address that it has, and the one that was looked at is called', async () => {
  const port = await listen((response) => response.end('here'))
  expect(await post(`http://localhost:${port}`)).toMatchObject({ status: 200, body: 'here' })
  await expect(post(`http://localhost:${port}`, ELSEWHERE)).rejects.toMatchObject({ problem: 'forbidden_address' })
  await expect(post(`https://localhost:${port}`, ELSEWHERE)).rejects.toMatchObject({ problem: 'forbidden_address' })
})

it('public addresses over HTTPS; of the others those that the operator named', () => {
  for (const address of ['93.184.216.34', '2606:2800:220:1::1'])
    expect(isAllowedAddress(address, []), address).toBe(true)
  const refused = [
    '127.0.0.1',
    '10.1.2.3',
    '192.168.1.1',
    '172.16.0.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '::1',
    'fe80::1',
    'fd00::1',
    '::ffff:10.0.0.1',
    '224.0.0.1',
    'x',
  ]
  for (const address of refused) expect(isAllowedAddress(address, []), address).toBe(false)
  expect(isAllowedAddress('::ffff:10.0.0.1', ELSEWHERE)).toBe(true)
  const urls = ['https://w.example', 'https://w.example:8443/prefix']
  for (const url of urls) expect(isAllowedUrl(url, []), url).toBe(true)
  const never = [
    'http://w.example',
    'https://127.1',
    'https://0x7f000001',
    'https://[::ffff:7f00:1]',
    'https://localhost',
    'https://db.internal',
    'https://u:p@w.example',
    'https://w.example?x',
    'https://w.example#x',
    'file:///etc/passwd',
    'w.example',
  ]
  for (const url of never) expect(isAllowedUrl(url, []), url).toBe(false)
})
