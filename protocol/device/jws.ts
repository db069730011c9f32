import { CompactSign, compactVerify, decodeProtectedHeader } from 'jose'
import { utf8Decode, utf8Encode } from '#lib/bytes.ts'
import { DeviceProtocolError, expectSame } from './error.ts'
import { importVerifyKey, type Jwks } from './keys.ts'

/** `typ` of each kind of JWS, so that one can never pass for another. */
export const JWS_TYPES = {
  command: 'gatehouse-command+jws',
  receipt: 'gatehouse-receipt+jws',
  policy: 'gatehouse-policy+jws',
  keyRotation: 'gatehouse-keys+jws',
} as const

export type JwsType = (typeof JWS_TYPES)[keyof typeof JWS_TYPES]

/** Signs `payload` as a compact ES256 JWS (RFC 7515). */
export async function signJws(options: {
  typ: JwsType
  payload: object
  key: CryptoKey
  kid?: string | undefined
}): Promise<string> {
  const { typ, kid } = options
  return new CompactSign(utf8Encode(JSON.stringify(options.payload)))
    .setProtectedHeader({ alg: 'ES256', typ, ...(kid === undefined ? {} : { kid }) })
    .sign(options.key)
}

function headerOf(jws: string): { alg?: unknown; typ?: unknown; kid?: unknown } {
  try {
    return decodeProtectedHeader(jws)
  } catch (cause) {
    throw new DeviceProtocolError('malformed', 'not a compact JWS', { cause })
  }
}

async function keyFor(kid: unknown, keys: Jwks | CryptoKey): Promise<CryptoKey> {
  if (!('keys' in keys)) return keys
  const jwk = keys.keys.find((candidate) => candidate.kid === kid)
  if (!jwk) throw new DeviceProtocolError('unknown_key', `no trusted key has the kid ${JSON.stringify(kid)}`)
  return importVerifyKey(jwk)
}

/**
 * Verifies a compact JWS and returns its payload as parsed JSON, not yet shaped. Throws `malformed`, `wrong_type`,
 * `wrong_algorithm`, `unknown_key` or `bad_signature`. A `jwk`, `jku` or `x5c` in the header is never used.
 */
export async function verifyJws(jws: string, typ: JwsType, keys: Jwks | CryptoKey): Promise<unknown> {
  const header = headerOf(jws)
  expectSame('wrong_type', 'typ', header.typ, typ)
  expectSame('wrong_algorithm', 'alg', header.alg, 'ES256')
  const key = await keyFor(header.kid, keys)
  let payload: Uint8Array
  try {
    payload = (await compactVerify(jws, key, { algorithms: ['ES256'] })).payload
  } catch (cause) {
    throw new DeviceProtocolError('bad_signature', 'the signature does not hold', { cause })
  }
  try {
    return JSON.parse(utf8Decode(payload))
  } catch (cause) {
    throw new DeviceProtocolError('malformed', 'the payload is not JSON', { cause })
  }
}
