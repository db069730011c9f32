import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { connect as connectTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConnectionOptions, connect, type PeerCertificate } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseCidr } from '#lib/client-address.ts'
import { useDatabase } from '#test/harness.ts'
import { type StartedGateway, startGateway } from './test/started-gateway.ts'
import { issueLeaf, loadAuthority } from './tls/authority.ts'
import { givenCertificate } from './tls/certificate.ts'
import { parseProxyHeader } from './tls/proxy-protocol.ts'

const db = useDatabase()
let gateway: StartedGateway

beforeAll(async () => {
  gateway = await startGateway(db.dataDir)
})
afterAll(() => gateway.stop())

type Shaken = { protocol: string | null; cipher: string; group: string | undefined; peer: PeerCertificate }

/** A handshake with these options; rejects with what TLS said. */
function handshake(options: ConnectionOptions): Promise<Shaken> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      { host: '127.0.0.1', port: gateway.port, ca: gateway.ca, servername: 'localhost', ...options },
      () => {
        const { name, type } = socket.getEphemeralKeyInfo() as { name?: string; type?: string }
        const cipher = socket.getCipher().standardName
        resolve({ protocol: socket.getProtocol(), cipher, group: name ?? type, peer: socket.getPeerCertificate() })
        socket.destroy()
      },
    )
    socket.once('error', reject)
  })
}

const OLD = 'ALL:@SECLEVEL=0'

describe('the handshake', () => {
  it('prefers TLS 1.3 and AES-256', async () => {
    expect(await handshake({})).toMatchObject({ protocol: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' })
  })

  it('speaks TLS 1.2 with ECDHE', async () => {
    const shaken = await handshake({ maxVersion: 'TLSv1.2' })
    expect(shaken).toMatchObject({ protocol: 'TLSv1.2', cipher: 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384' })
  })

  it.each(['X25519MLKEM768', 'X25519', 'P-256'])('agrees on the group %s', async (ecdhCurve) => {
    expect((await handshake({ ecdhCurve })).protocol).toBe('TLSv1.3')
  })

  it.each([
    ['TLS 1.1', { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: OLD }],
    ['TLS 1.0', { minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: OLD }],
    ['RSA key exchange', { maxVersion: 'TLSv1.2', ciphers: 'kRSA:@SECLEVEL=0' }],
    ['finite-field DHE', { maxVersion: 'TLSv1.2', ciphers: 'kDHE:@SECLEVEL=0' }],
    ['ECDHE with CBC', { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES256-SHA384' }],
    ['another curve', { ecdhCurve: 'P-521' }],
  ] satisfies [string, ConnectionOptions][])('refuses %s', async (_name, options) => {
    await expect(handshake(options)).rejects.toThrow(
      /handshake failure|protocol version|alert|unsupported protocol|no cipher|no protocols/i,
    )
  })
})

describe('its own certificate', () => {
  it('names this machine and the public host, and is good for a clock that is behind', async () => {
    const { peer } = await handshake({})
    expect(peer.subjectaltname).toBe('DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1')
    expect(new Date(peer.valid_from).getTime()).toBeLessThan(Date.now() - 29 * 86_400_000)
  })

  it('is kept in a folder of its own, for the owner alone', () => {
    expect(statSync(join(db.dataDir, 'gateway-tls')).mode & 0o777).toBe(0o700)
    expect(statSync(join(db.dataDir, 'gateway-tls/ca-key.pem')).mode & 0o777).toBe(0o600)
    expect(readFileSync(join(db.dataDir, 'ca.pem'), 'utf8')).not.toContain('PRIVATE')
  })

  it('comes from one CA however many gateways start first', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'gatehouse-ca-'))
    const all = await Promise.all(Array.from({ length: 8 }, () => loadAuthority(dataDir, Date.now())))
    expect(new Set(all.map(({ certificate }) => certificate.serialNumber)).size).toBe(1)
  })
})

describe('a given certificate', () => {
  it('is served, and served anew when the files change', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'gatehouse-cert-'))
    const files = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') }
    const write = async () => {
      const leaf = await issueLeaf(await loadAuthority(folder, Date.now()), ['localhost'], Date.now())
      writeFileSync(files.certFile, leaf.cert)
      writeFileSync(files.keyFile, leaf.key)
      return leaf.cert
    }
    const first = await write()
    const source = givenCertificate(files)
    expect(String((await source.current()).cert)).toBe(first)
    expect(source.isStale()).toBe(false)
    await new Promise((resolve) => setTimeout(resolve, 20))
    const second = await write()
    expect(source.isStale()).toBe(true)
    expect(String((await source.current()).cert)).toBe(second)
  })
})

describe('PROXY protocol v2', () => {
  const header = (source: string, family = 0x11, command = 0x21) => {
    const body = Buffer.concat([
      Buffer.from(source.split('.').map(Number)),
      Buffer.from([127, 0, 0, 1, 0x10, 0, 0x20, 0xfb]),
    ])
    const length = Buffer.from([0, body.length])
    return Buffer.concat([Buffer.from('0d0a0d0a000d0a515549540a', 'hex'), Buffer.from([command, family]), length, body])
  }

  it('reads a header byte by byte', () => {
    const bytes = header('203.0.113.7')
    for (let n = 0; n < bytes.length; n++) expect(parseProxyHeader(bytes.subarray(0, n))).toBe('incomplete')
    expect(parseProxyHeader(Buffer.concat([bytes, Buffer.from('rest')]))).toEqual({
      address: '203.0.113.7',
      length: bytes.length,
    })
  })

  it('refuses what is none', () => {
    expect(parseProxyHeader(Buffer.from('GET / HTTP/1.1'))).toBe('invalid')
    expect(parseProxyHeader(header('203.0.113.7', 0x31))).toBe('invalid')
    expect(parseProxyHeader(header('203.0.113.7', 0x11, 0x11))).toBe('invalid')
    expect(parseProxyHeader(Buffer.from('0d0a0d0a000d0a515549540a2111ffff', 'hex'))).toBe('invalid')
  })

  const proxied = async (trusted: string, run: (started: StartedGateway) => Promise<void>) => {
    const env = { trustedProxies: [parseCidr(trusted)], gatewayProxyProtocol: 'v2' as const }
    const started = await startGateway(db.dataDir, { env })
    try {
      await run(started)
    } finally {
      await started.stop()
    }
  }

  const get = (started: StartedGateway, prefix: Buffer) =>
    new Promise<string>((resolve, reject) => {
      const socket = connectTcp(started.port, '127.0.0.1', () => {
        socket.write(prefix)
        const secure = connect({ socket, ca: started.ca, servername: 'localhost' }, () => {
          secure.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n')
        })
        let text = ''
        secure.on('data', (chunk) => {
          text += chunk
        })
        secure.on('end', () => resolve(text.split('\r\n', 1)[0] ?? ''))
        secure.on('error', reject)
      })
      socket.on('error', reject)
    })

  it('serves TLS after the header of a trusted proxy', async () => {
    await proxied('127.0.0.1/32', async (started) => {
      expect(await get(started, header('203.0.113.7'))).toBe('HTTP/1.1 200 OK')
    })
  })

  it('serves this machine without one, and refuses a header from who is not trusted', async () => {
    await proxied('192.0.2.0/24', async (started) => {
      expect(await get(started, Buffer.alloc(0))).toBe('HTTP/1.1 200 OK')
      expect(await get(started, header('203.0.113.7')).catch(() => '')).toBe('')
    })
  })
})

describe('health', () => {
  it('answers on both', async () => {
    for (const path of ['/healthz', '/readyz']) {
      const status = await new Promise((resolve, reject) => {
        request(`${gateway.url}${path}`, { ca: gateway.ca, agent: false }, (response) =>
          resolve(response.resume().statusCode),
        )
          .on('error', reject)
          .end()
      })
      expect(status).toBe(200)
    }
  })
})
