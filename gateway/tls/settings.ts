import { createSecureContext, type SecureContextOptions } from 'node:tls'

/** Forward secrecy and authenticated encryption only: every suite of TLS 1.3, and of 1.2 those with ECDHE. */
const CIPHERS = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
].join(':')

const GROUPS = ['X25519MLKEM768:X25519:P-256', 'X25519:P-256']

/** What every connection is made with, beside the certificate. */
export function tlsSettings() {
  return {
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: CIPHERS,
    honorCipherOrder: true,
    ecdhCurve: supportedGroups(),
  } satisfies SecureContextOptions
}

/** The post-quantum hybrid came with OpenSSL 3.5; an older one refuses the whole list. */
function supportedGroups(): string {
  const groups = GROUPS.find((ecdhCurve) => {
    try {
      createSecureContext({ ecdhCurve })
      return true
    } catch {
      return false
    }
  })
  if (!groups) throw new Error('this OpenSSL knows neither X25519 nor P-256')
  return groups
}
