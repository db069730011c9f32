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
