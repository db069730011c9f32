import { type Bytes, concatBytes, utf8Encode } from '#lib/bytes.ts'

/** Length of the device's secret and of the server's share. */
export const VAULT_SECRET_BYTES = 32

export type VaultBinding = { tenantId: string; deviceId: string; enrollmentId: string }

function info(purpose: string, binding: VaultBinding): Bytes {
  return utf8Encode(`gatehouse/${purpose}/v1/${binding.tenantId}/${binding.deviceId}/${binding.enrollmentId}`)
}

function expectLength(name: string, secret: Uint8Array): void {
  if (secret.length !== VAULT_SECRET_BYTES) {
    throw new RangeError(`${name} has ${secret.length} bytes, expected ${VAULT_SECRET_BYTES}`)
  }
}

async function deriveBits(secret: Bytes, purpose: string, binding: VaultBinding): Promise<Bytes> {
  const key = await crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveBits'])
  const salt = new Uint8Array(0)
  const params = { name: 'HKDF', hash: 'SHA-256', salt, info: info(purpose, binding) }
  return new Uint8Array(await crypto.subtle.deriveBits(params, key, 256))
}

async function toAesKey(bits: Bytes): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', bits, 'AES-GCM', false, ['encrypt', 'decrypt'])
}

/** The raw vault key, for the test vectors; programs use `deriveVaultKey`. */
export async function unsafeVaultKeyBytes(
  deviceSecret: Uint8Array,
  serverShare: Uint8Array,
  binding: VaultBinding,
): Promise<Bytes> {
  expectLength('deviceSecret', deviceSecret)
  expectLength('serverShare', serverShare)
  return deriveBits(concatBytes(deviceSecret, serverShare), 'vault', binding)
}

/**
 * The vault key: HKDF-SHA-256 over device secret ‖ server share, no salt, info `gatehouse/vault/v1/tenant/device/enrollment`.
 * Without either half there is no key; either side can destroy it alone. AES-256-GCM, not extractable.
 */
export async function deriveVaultKey(
  deviceSecret: Uint8Array,
  serverShare: Uint8Array,
  binding: VaultBinding,
): Promise<CryptoKey> {
  return toAesKey(await unsafeVaultKeyBytes(deviceSecret, serverShare, binding))
}

/** The key of what must work without the server (event queue, file index): the device's secret alone. */
export async function deriveLocalKey(deviceSecret: Uint8Array, binding: VaultBinding): Promise<CryptoKey> {
  expectLength('deviceSecret', deviceSecret)
  return toAesKey(await deriveBits(concatBytes(deviceSecret), 'local', binding))
}

// Where the device's half is a key that cannot be exported (a browser), its PRF takes the place of the concatenation: what goes
// into HKDF is HMAC-SHA-256 of the share under that key. Names of their own keep the two kinds of keys apart.

/** The device's half as a key that nobody can read: HMAC-SHA-256 with 32 random bytes. */
export async function generatePrfKey(): Promise<CryptoKey> {
  return crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256', length: 8 * VAULT_SECRET_BYTES }, false, ['sign'])
}

async function prf(deviceKey: CryptoKey, message: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.sign('HMAC', deviceKey, message))
}

/** The raw vault key of a device whose half cannot be exported, for the test vectors; programs use `prfVaultKey`. */
export async function unsafePrfVaultKeyBytes(
  deviceKey: CryptoKey,
  serverShare: Uint8Array,
  binding: VaultBinding,
): Promise<Bytes> {
  expectLength('serverShare', serverShare)
  return deriveBits(await prf(deviceKey, concatBytes(serverShare)), 'vault-prf', binding)
}

/**
 * The vault key where the device's half cannot be exported: HKDF-SHA-256 over HMAC-SHA-256(device key, server share), no salt,
 * info `gatehouse/vault-prf/v1/tenant/device/enrollment`. AES-256-GCM, not extractable.
 */
export async function prfVaultKey(
  deviceKey: CryptoKey,
  serverShare: Uint8Array,
  binding: VaultBinding,
): Promise<CryptoKey> {
  return toAesKey(await unsafePrfVaultKeyBytes(deviceKey, serverShare, binding))
}

/** The raw local key of such a device, for the test vectors; programs use `prfLocalKey`. */
export async function unsafePrfLocalKeyBytes(deviceKey: CryptoKey, binding: VaultBinding): Promise<Bytes> {
  // Longer than any share: the two messages can never be the same.
  return deriveBits(await prf(deviceKey, info('local-prf', binding)), 'local-prf', binding)
}

/** The local key of such a device: HMAC over the info `gatehouse/local-prf/v1/…` takes the place of the secret. */
export async function prfLocalKey(deviceKey: CryptoKey, binding: VaultBinding): Promise<CryptoKey> {
  return toAesKey(await unsafePrfLocalKeyBytes(deviceKey, binding))
}
