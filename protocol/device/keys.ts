import { z } from 'zod'
import { canonicalJson } from '#lib/canonical-json.ts'
import { sha256Base64url } from '../audit/sha256.ts'
import { DeviceProtocolError } from './error.ts'

const coordinate = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'must be 32 bytes in base64url')

/** A public P-256 key and nothing else: a private member, another curve or a stray member is refused. */
export const publicJwkSchema = z.strictObject({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: coordinate,
  y: coordinate,
  kid: z.string().max(64).optional(),
  alg: z.string().max(32).optional(),
  use: z.enum(['sig', 'enc']).optional(),
})

export type PublicJwk = z.infer<typeof publicJwkSchema>

/** The tenant's public keys that commands and policies are signed with; `kid` is the key's thumbprint. */
export const jwksSchema = z.object({
  keys: z
    .array(publicJwkSchema.extend({ kid: z.string().min(1).max(64) }))
    .min(1)
    .max(16),
})

export type Jwks = z.infer<typeof jwksSchema>

/** A private P-256 key as the device's key store holds it. */
export type PrivateJwk = { kty: 'EC'; crv: 'P-256'; x: string; y: string; d: string }

export type DeviceKeyPair = { publicJwk: PublicJwk; privateJwk: PrivateJwk }

/** A new P-256 key pair, made where it will live. The same form serves signing and sealing. */
export async function generateKeyPair(): Promise<DeviceKeyPair> {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
  const { x = '', y = '', d = '' } = await crypto.subtle.exportKey('jwk', pair.privateKey)
  return { publicJwk: { kty: 'EC', crv: 'P-256', x, y }, privateJwk: { kty: 'EC', crv: 'P-256', x, y, d } }
}

/** RFC 7638 SHA-256 thumbprint: what a token is bound to, a `kid` is, and `keyThumbprint` shows. */
export async function keyThumbprint(jwk: PublicJwk | PrivateJwk): Promise<string> {
  return sha256Base64url(canonicalJson({ kty: jwk.kty, crv: jwk.crv, x: jwk.x, y: jwk.y }))
}

async function importKey(jwk: JsonWebKey, name: 'ECDSA' | 'ECDH', usages: KeyUsage[]): Promise<CryptoKey> {
  try {
    return await crypto.subtle.importKey('jwk', jwk, { name, namedCurve: 'P-256' }, false, usages)
  } catch (cause) {
    throw new DeviceProtocolError('wrong_key', 'the key is not a valid P-256 key', { cause })
  }
}

function bare(jwk: PublicJwk | PrivateJwk): JsonWebKey {
  const point = { kty: jwk.kty, crv: jwk.crv, x: jwk.x, y: jwk.y }
  return 'd' in jwk ? { ...point, d: jwk.d } : point
}

/** For verifying ES256. Throws `wrong_key` where the point is not on the curve. */
export function importVerifyKey(jwk: PublicJwk): Promise<CryptoKey> {
  return importKey(bare(jwk), 'ECDSA', ['verify'])
}

/** For signing ES256; not extractable. */
export function importSignKey(jwk: PrivateJwk): Promise<CryptoKey> {
  return importKey(bare(jwk), 'ECDSA', ['sign'])
}

/** For sealing to a device. Throws `wrong_key` where the point is not on the curve. */
export function importSealKey(jwk: PublicJwk): Promise<CryptoKey> {
  return importKey(bare(jwk), 'ECDH', [])
}

/** For opening what was sealed; not extractable. */
export function importOpenKey(jwk: PrivateJwk): Promise<CryptoKey> {
  return importKey(bare(jwk), 'ECDH', ['deriveBits'])
}
