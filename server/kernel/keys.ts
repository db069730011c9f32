import 'server-only'
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'
import { uuidv7 } from '#lib/uuid.ts'
import type { Tx } from './db.ts'
import { runtime } from './runtime.ts'

const VERSION = 1
const IV_BYTES = 12
const TAG_BYTES = 16

/**
 * AES-256-GCM; the result is version ‖ iv ‖ ciphertext ‖ tag. `place` is authenticated (tenant, table, column, row), so that
 * a ciphertext moved to another row does not open. Keys are random per tenant, device or file: 2³² messages each.
 */
export function encrypt(key: Uint8Array, plain: Uint8Array, place: readonly string[]): Buffer {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: TAG_BYTES })
  cipher.setAAD(placeBytes(place))
  return Buffer.concat([Buffer.from([VERSION]), iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

/** @throws Error when the key, the place or a single bit differs */
export function decrypt(key: Uint8Array, sealed: Uint8Array, place: readonly string[]): Buffer {
  if (sealed[0] !== VERSION || sealed.length < 1 + IV_BYTES + TAG_BYTES)
    throw new Error(`${place.join('/')}: not a sealed value`)
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(1, 1 + IV_BYTES), { authTagLength: TAG_BYTES })
  decipher.setAAD(placeBytes(place))
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
  try {
    return Buffer.concat([decipher.update(sealed.subarray(1 + IV_BYTES, -TAG_BYTES)), decipher.final()])
  } catch (cause) {
    throw new Error(`${place.join('/')}: the sealed value does not open (wrong key, moved or altered)`, { cause })
  }
}

/** Each part is length-prefixed: no two places have the same bytes. */
function placeBytes(place: readonly string[]): Buffer {
  return Buffer.concat(place.flatMap((part) => [Buffer.from(`${Buffer.byteLength(part)}:`), Buffer.from(part)]))
}

/** Seals and opens values of one organisation under its data key. `place` names table, column and row. */
export type TenantVault = {
  seal(plain: Uint8Array, ...place: string[]): Buffer
  open(sealed: Uint8Array, ...place: string[]): Buffer
}

const dataKeys = new Map<string, Buffer>()

/** The organisation's vault: its data key is unwrapped with the master key once a process. */
export async function tenantVault(tx: Tx, tenantId: string): Promise<TenantVault> {
  const key = dataKeys.get(tenantId) ?? (await loadDataKey(tx, tenantId))
  return {
    seal: (plain, ...place) => encrypt(key, plain, [tenantId, ...place]),
    open: (sealed, ...place) => decrypt(key, sealed, [tenantId, ...place]),
  }
}

async function loadDataKey(tx: Tx, tenantId: string): Promise<Buffer> {
  const row = await tx.tenantKey.findFirst({
    where: { tenantId, purpose: 'data', retiredAt: null },
    select: { id: true, wrapped: true },
  })
  if (!row) throw new Error(`the organisation ${tenantId} has no data key`)
  const key = decrypt(runtime().masterKey, row.wrapped, [tenantId, 'tenant_key', 'wrapped', row.id])
  dataKeys.set(tenantId, key)
  return key
}

/** Makes the organisation's data key; part of creating it. */
export async function createDataKey(tx: Tx, tenantId: string): Promise<void> {
  const id = uuidv7()
  const wrapped = encrypt(runtime().masterKey, randomBytes(32), [tenantId, 'tenant_key', 'wrapped', id])
  await tx.tenantKey.create({ data: { tenantId, id, purpose: 'data', wrapped: new Uint8Array(wrapped) } })
}

/** Forgets cached keys; tests that switch databases call it. */
export function testingOnlyForgetKeys(): void {
  dataKeys.clear()
}

/** A key for one purpose, derived from the master key (HKDF-SHA-256). */
export function derivedKey(purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', runtime().masterKey, new Uint8Array(), `gatehouse/${purpose}`, 32))
}

/** What the login directory holds instead of an address: HMAC-SHA-256 of the lower-cased email. */
export function emailHmac(email: string): Buffer {
  return createHmac('sha256', derivedKey('login-directory')).update(email.trim().toLowerCase()).digest()
}

/** 43 characters of base64url: 256 random bits. */
export function randomSecret(): string {
  return randomBytes(32).toString('base64url')
}

export function sha256(data: string | Uint8Array): Buffer {
  return createHash('sha256').update(data).digest()
}

/** Whether `secret` is the one whose SHA-256 is kept; the time says nothing. */
export function matchesHash(secret: string, hash: Uint8Array): boolean {
  const given = sha256(secret)
  return given.length === hash.length && timingSafeEqual(given, hash)
}
