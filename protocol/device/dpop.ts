import { CompactSign, compactVerify, decodeProtectedHeader } from 'jose'
import { base64urlEncode, utf8Decode, utf8Encode } from '#lib/bytes.ts'
import { sha256Base64url } from '../audit/sha256.ts'
import { DeviceProtocolError, expectSame } from './error.ts'
import { importVerifyKey, keyThumbprint, type PublicJwk, publicJwkSchema } from './keys.ts'

/** How far a proof's `iat` may be from the server's clock before a nonce is asked for. */
export const DPOP_WINDOW_SECONDS = 60

const MAX_PROOF_LENGTH = 4_096

/** `ath` of a token: base64url of its SHA-256 (RFC 9449 §4.2). */
export async function accessTokenHash(token: string): Promise<string> {
  return sha256Base64url(token)
}

/** The URL as `htu` carries it: no query, no fragment (RFC 9449 §4.2). */
export function dpopUrl(url: string): string {
  const { origin, pathname } = new URL(url)
  return origin + pathname
}

/** Builds a proof for one request (RFC 9449 §4.2). `token` is absent at enrolment only. */
export async function createDpopProof(options: {
  key: CryptoKey
  publicJwk: PublicJwk
  method: string
  url: string
  nowMs: number
  token?: string | undefined
  nonce?: string | undefined
}): Promise<string> {
  const { kty, crv, x, y } = options.publicJwk
  const claims = {
    jti: base64urlEncode(crypto.getRandomValues(new Uint8Array(16))),
    htm: options.method,
    htu: dpopUrl(options.url),
    iat: Math.floor(options.nowMs / 1000),
    ...(options.token === undefined ? {} : { ath: await accessTokenHash(options.token) }),
    ...(options.nonce === undefined ? {} : { nonce: options.nonce }),
  }
  return new CompactSign(utf8Encode(JSON.stringify(claims)))
    .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } })
    .sign(options.key)
}

export type VerifyDpopOptions = {
  proof: string
  /** Method and full URL of the request as the client addressed it. */
  method: string
  url: string
  nowMs: number
  /** SHA-256 of the presented token in base64url; leave out at enrolment only. */
  accessTokenHash?: string | undefined
  /** The key that the token is bound to; leave out at enrolment only. */
  keyThumbprint?: string | undefined
  /** Whether the server issued this nonce and it is still good. A proof with a good nonce needs no right clock. */
  isNonceValid: (nonce: string) => boolean | Promise<boolean>
  /** A cache of imported keys by thumbprint saves more than half of the work. */
  importKey?: ((jwk: PublicJwk, thumbprint: string) => Promise<CryptoKey>) | undefined
}

export type VerifiedDpop = {
  publicJwk: PublicJwk
  thumbprint: string
  /** The caller records it and refuses a second use; needed for as long as the window or the nonce lasts. */
  jti: string
  issuedAtMs: number
  nonce: string | null
}

function jwkOf(proof: string): PublicJwk {
  if (proof.length > MAX_PROOF_LENGTH) throw new DeviceProtocolError('malformed', 'the DPoP proof is too long')
  let header: ReturnType<typeof decodeProtectedHeader>
  try {
    header = decodeProtectedHeader(proof)
  } catch (cause) {
    throw new DeviceProtocolError('malformed', 'the DPoP header is not one compact JWS', { cause })
  }
  expectSame('wrong_type', 'typ', header.typ, 'dpop+jwt')
  expectSame('wrong_algorithm', 'alg', header.alg, 'ES256')
  const jwk = publicJwkSchema.safeParse(header.jwk)
  if (!jwk.success) throw new DeviceProtocolError('wrong_key', 'jwk is not a public P-256 key')
  return jwk.data
}

async function claimsOf(proof: string, key: CryptoKey): Promise<Record<string, unknown>> {
  try {
    const { payload } = await compactVerify(proof, key, { algorithms: ['ES256'] })
    const claims: unknown = JSON.parse(utf8Decode(payload))
    if (claims !== null && typeof claims === 'object') return claims as Record<string, unknown>
  } catch (cause) {
    throw new DeviceProtocolError('bad_signature', 'the DPoP signature does not hold', { cause })
  }
  throw new DeviceProtocolError('malformed', 'the DPoP payload is not an object')
}

/** Both the sender's and our own form of the URL lose query and fragment, and gain the default port's absence. */
function sameUrl(htu: unknown, url: string): boolean {
  if (typeof htu !== 'string' || !URL.canParse(htu)) return false
  return dpopUrl(htu) === dpopUrl(url)
}

async function checkTime(claims: Record<string, unknown>, options: VerifyDpopOptions): Promise<number> {
  const { iat, nonce } = claims
  if (typeof iat !== 'number' || !Number.isFinite(iat))
    throw new DeviceProtocolError('malformed', 'iat is not a number')
  if (nonce !== undefined) {
    if (typeof nonce === 'string' && (await options.isNonceValid(nonce))) return iat * 1000
    throw new DeviceProtocolError('use_dpop_nonce', 'the nonce is not one of ours or has expired')
  }
  if (Math.abs(options.nowMs / 1000 - iat) > DPOP_WINDOW_SECONDS) {
    throw new DeviceProtocolError('use_dpop_nonce', `iat is more than ${DPOP_WINDOW_SECONDS} s off`)
  }
  return iat * 1000
}

/**
 * Verifies a DPoP proof (RFC 9449 §4.3) except for the single use of `jti`, which needs the caller's store. Throws
 * DeviceProtocolError; `use_dpop_nonce` alone is answered with a fresh `DPoP-Nonce`.
 */
export async function verifyDpopProof(options: VerifyDpopOptions): Promise<VerifiedDpop> {
  const publicJwk = jwkOf(options.proof)
  const thumbprint = await keyThumbprint(publicJwk)
  // Before the signature: a stranger's key costs us a hash, not an import and a verification.
  if (options.keyThumbprint !== undefined) expectSame('wrong_key', 'thumbprint', thumbprint, options.keyThumbprint)
  const key = await (options.importKey ?? importVerifyKey)(publicJwk, thumbprint)
  const claims = await claimsOf(options.proof, key)
  expectSame('wrong_method', 'htm', claims.htm, options.method)
  if (!sameUrl(claims.htu, options.url)) expectSame('wrong_url', 'htu', claims.htu, dpopUrl(options.url))
  expectSame('wrong_token', 'ath', claims.ath, options.accessTokenHash)
  if (typeof claims.jti !== 'string' || !/^[\x21-\x7e]{8,128}$/.test(claims.jti)) {
    throw new DeviceProtocolError('malformed', 'jti is not 8 to 128 printable characters')
  }
  const issuedAtMs = await checkTime(claims, options)
  return {
    publicJwk,
    thumbprint,
    jti: claims.jti,
    issuedAtMs,
    nonce: typeof claims.nonce === 'string' ? claims.nonce : null,
  }
}
