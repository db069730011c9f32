import { beforeAll, describe, expect, it } from 'vitest'
import { base64urlDecode, base64urlEncode, utf8Decode, utf8Encode } from '#lib/bytes.ts'
import { accessTokenHash, createDpopProof, type VerifyDpopOptions, verifyDpopProof } from './dpop.ts'
import { DeviceProtocolError } from './error.ts'
import { type DeviceKeyPair, generateKeyPair, importSignKey, importVerifyKey, keyThumbprint } from './keys.ts'

const NOW = Date.parse('2026-03-01T10:00:00.000Z')
const url = 'https://gate.example:8443/device/v1/events'
const token = 'gd_token'

let device: DeviceKeyPair
let key: CryptoKey
let bound: Pick<VerifyDpopOptions, 'accessTokenHash' | 'keyThumbprint'>

beforeAll(async () => {
  device = await generateKeyPair()
  key = await importSignKey(device.privateJwk)
  bound = {
    accessTokenHash: await accessTokenHash(token),
    keyThumbprint: await keyThumbprint(device.publicJwk),
  }
})

const make = (change: Partial<Parameters<typeof createDpopProof>[0]> = {}) =>
  createDpopProof({ key, publicJwk: device.publicJwk, method: 'POST', url, nowMs: NOW, token, ...change })

const verify = (proof: string, change: Partial<VerifyDpopOptions> = {}) =>
  verifyDpopProof({
    proof,
    method: 'POST',
    url,
    nowMs: NOW,
    ...bound,
    isNonceValid: (nonce) => nonce === 'ours',
    ...change,
  })

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    if (error instanceof DeviceProtocolError) return error.code
    throw error
  }
  return 'accepted'
}

describe('a proof', () => {
  it('holds for its request', async () => {
    const verified = await verify(await make())
    expect(verified).toMatchObject({ thumbprint: bound.keyThumbprint, issuedAtMs: NOW, nonce: null })
    expect(verified.jti).toMatch(/^[\w-]{22}$/)
  })

  it('ignores query, fragment and default port of the URL', async () => {
    const proof = await make({ url: 'https://GATE.example:443/device/v1/commands?wait=30#x' })
    expect(await codeOf(verify(proof, { url: 'https://gate.example/device/v1/commands?wait=5' }))).toBe('accepted')
  })

  it('is refused for another method, URL, token or key', async () => {
    const proof = await make()
    expect(await codeOf(verify(proof, { method: 'GET' }))).toBe('wrong_method')
    expect(await codeOf(verify(proof, { url: `${url}/x` }))).toBe('wrong_url')
    expect(await codeOf(verify(proof, { url: 'https://evil.example:8443/device/v1/events' }))).toBe('wrong_url')
    expect(await codeOf(verify(proof, { accessTokenHash: await accessTokenHash('other') }))).toBe('wrong_token')
    expect(await codeOf(verify(await make({ token: undefined })))).toBe('wrong_token')
    expect(await codeOf(verify(proof, { accessTokenHash: undefined }))).toBe('wrong_token')
    const other = await generateKeyPair()
    const foreign = await make({ key: await importSignKey(other.privateJwk), publicJwk: other.publicJwk })
    expect(await codeOf(verify(foreign))).toBe('wrong_key')
    const disguised = await make({ key: await importSignKey(other.privateJwk) })
    expect(await codeOf(verify(disguised))).toBe('bad_signature')
  })

  it('asks for a nonce when its time is off, and is then valid whatever the clock says', async () => {
    expect(await codeOf(verify(await make({ nowMs: NOW - 60_000 })))).toBe('accepted')
    expect(await codeOf(verify(await make({ nowMs: NOW - 61_000 })))).toBe('use_dpop_nonce')
    expect(await codeOf(verify(await make({ nowMs: NOW + 62_000 })))).toBe('use_dpop_nonce')
    expect(await codeOf(verify(await make({ nowMs: 0, nonce: 'ours' })))).toBe('accepted')
    expect(await codeOf(verify(await make({ nonce: 'stale' })))).toBe('use_dpop_nonce')
  })

  it('is refused when tampered with', async () => {
    const proof = await make()
    const [head = '', body = '', signature = ''] = proof.split('.')
    const edit = (part: string, from: string, to: string) =>
      base64urlEncode(utf8Encode(utf8Decode(base64urlDecode(part)).replace(from, to)))
    expect(await codeOf(verify([head, edit(body, 'POST', 'GET'), signature].join('.')))).toBe('bad_signature')
    expect(await codeOf(verify([edit(head, 'ES256', 'none'), body, ''].join('.')))).toBe('wrong_algorithm')
    expect(await codeOf(verify([edit(head, 'dpop+jwt', 'JWT'), body, signature].join('.')))).toBe('wrong_type')
    const withSecret = edit(head, '"kty"', '"d":"AAAA","kty"')
    expect(await codeOf(verify([withSecret, body, signature].join('.')))).toBe('wrong_key')
    for (const junk of ['', 'a', '..', 'a.b.c.d', `${'A'.repeat(9000)}..`]) {
      expect(await codeOf(verify(junk))).toBe('malformed')
    }
  })

  it('is verified with a cached key', async () => {
    const cached = await importVerifyKey(device.publicJwk)
    const asked: string[] = []
    const importKey: VerifyDpopOptions['importKey'] = async (_jwk, thumbprint) => {
      asked.push(thumbprint)
      return cached
    }
    await verify(await make(), { importKey })
    expect(asked).toEqual([bound.keyThumbprint])
  })
})
