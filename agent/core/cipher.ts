import { type Bytes, concatBytes, utf8Encode } from '#lib/bytes.ts'
import type { LocalCipher } from './ports.ts'

const NONCE_BYTES = 12

/** AES-256-GCM with a random nonce in front; `context` is the additional authenticated data. */
export async function sealBytes(key: CryptoKey, plaintext: Uint8Array, context: string): Promise<Bytes> {
  const iv = crypto.getRandomValues(new Uint8Array(NONCE_BYTES))
  const params = { name: 'AES-GCM', iv, additionalData: utf8Encode(context) }
  return concatBytes(iv, new Uint8Array(await crypto.subtle.encrypt(params, key, new Uint8Array(plaintext))))
}

/** Throws where the key, the context or any byte differs. */
export async function openBytes(key: CryptoKey, sealed: Uint8Array, context: string): Promise<Bytes> {
  const iv = new Uint8Array(sealed.slice(0, NONCE_BYTES))
  const params = { name: 'AES-GCM', iv, additionalData: utf8Encode(context) }
  return new Uint8Array(await crypto.subtle.decrypt(params, key, new Uint8Array(sealed.slice(NONCE_BYTES))))
}

/** A cipher over one key. */
export function localCipher(key: CryptoKey): LocalCipher {
  return {
    seal: (plaintext, context) => sealBytes(key, plaintext, context),
    open: (sealed, context) => openBytes(key, sealed, context),
  }
}
