import 'server-only'
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'

/** Under one key that is known from the place: what the master key, device keys and file keys seal; tenant values before keys had ids. */
const PLAIN_VERSION = 1
/** The id of the tenant's data key stands in front. */
const KEYED_VERSION = 2
const KEY_ID_BYTES = 16
const IV_BYTES = 12
const TAG_BYTES = 16

/**
 * AES-256-GCM; the result is version ‖ iv ‖ ciphertext ‖ tag. `place` is authenticated (tenant, table, column, row), so that
 * a ciphertext moved to another row does not open. Keys are random per tenant, device or file: 2³² messages each.
 */
export function encrypt(key: Uint8Array, plain: Uint8Array, place: readonly string[]): Buffer {
  return Buffer.concat(encryptedPieces(key, plain, place))
}

/** The same as pieces one after another, for whoever writes much and needs it in no other room. */
export function encryptedPieces(key: Uint8Array, plain: Uint8Array, place: readonly string[]): Buffer[] {
  return [Buffer.from([PLAIN_VERSION]), ...encryptBody(key, plain, place)]
}

/** @throws Error when the key, the place or a single bit differs */
export function decrypt(key: Uint8Array, sealed: Uint8Array, place: readonly string[]): Buffer {
  if (sealed[0] !== PLAIN_VERSION) throw new Error(`${place.join('/')}: not a sealed value`)
  return decryptBody(key, sealed.subarray(1), place)
}

/** The same with the id of its key in front: version ‖ key id (16 bytes of the UUID) ‖ iv ‖ ciphertext ‖ tag. */
export function encryptKeyed(keyId: string, key: Uint8Array, plain: Uint8Array, place: readonly string[]): Buffer {
  return Buffer.concat([keyedHeader(keyId), ...encryptBody(key, plain, place)])
}

/** What `key` opens; it is of either version. @throws Error when the key, the place or a single bit differs */
export function decryptKeyed(key: Uint8Array, sealed: Uint8Array, place: readonly string[]): Buffer {
  const body = sealed[0] === KEYED_VERSION ? sealed.subarray(1 + KEY_ID_BYTES) : sealed.subarray(1)
  return decryptBody(key, body, place)
}

/** The id of the data key that sealed it; null before keys had ids: then it is the oldest. @throws Error when it is no sealed value */
export function keyIdOf(sealed: Uint8Array): string | null {
  if (sealed[0] === PLAIN_VERSION) return null
  if (sealed[0] !== KEYED_VERSION || sealed.length < 1 + KEY_ID_BYTES) throw new Error('not a sealed value')
  const hex = Buffer.from(sealed.subarray(1, 1 + KEY_ID_BYTES)).toString('hex')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** The first 17 bytes of every value sealed under this key. */
export function keyedHeader(keyId: string): Buffer {
  return Buffer.from([KEYED_VERSION, ...Buffer.from(keyId.replaceAll('-', ''), 'hex')])
}

/** HKDF-SHA-256 to 32 bytes. */
export function deriveKey(secret: Uint8Array, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, new Uint8Array(), `gatehouse/${purpose}`, 32))
}

export function sha256(data: string | Uint8Array): Buffer {
  return createHash('sha256').update(data).digest()
}

function encryptBody(key: Uint8Array, plain: Uint8Array, place: readonly string[]): Buffer[] {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES })
  cipher.setAAD(placeBytes(place))
  return [iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()]
}

function decryptBody(key: Uint8Array, body: Uint8Array, place: readonly string[]): Buffer {
  if (body.length < IV_BYTES + TAG_BYTES) throw new Error(`${place.join('/')}: not a sealed value`)
  const decipher = createDecipheriv('aes-256-gcm', key, body.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES })
  decipher.setAAD(placeBytes(place))
  decipher.setAuthTag(body.subarray(-TAG_BYTES))
  try {
    return Buffer.concat([decipher.update(body.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()])
  } catch (cause) {
    throw new Error(`${place.join('/')}: the sealed value does not open (wrong key, moved or altered)`, { cause })
  }
}

/** Each part is length-prefixed: no two places have the same bytes. */
export function placeBytes(place: readonly string[]): Buffer {
  return Buffer.concat(place.flatMap((part) => [Buffer.from(`${Buffer.byteLength(part)}:`), Buffer.from(part)]))
}
