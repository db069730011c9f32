import { CompactEncrypt, compactDecrypt, decodeProtectedHeader } from 'jose'
import type { Bytes } from '#lib/bytes.ts'
import { DeviceProtocolError, expectSame } from './error.ts'

/** `typ` of a sealed file. */
export const SEALED_FILE_TYPE = 'gatehouse-file+jwe'

/** Where a sealed file belongs. It stands in the protected header, so it cannot be changed without failing to open. */
export type SealBinding = { tenantId: string; deviceId: string; enrollmentId: string; fileId: string }

/** Seals bytes to a device's seal key: compact JWE, ECDH-ES with A256GCM (RFC 7516, RFC 7518 §4.6). */
export async function sealFile(plaintext: Uint8Array, sealKey: CryptoKey, binding: SealBinding): Promise<string> {
  const { tenantId, deviceId, enrollmentId, fileId } = binding
  return new CompactEncrypt(plaintext)
    .setProtectedHeader({
      alg: 'ECDH-ES',
      enc: 'A256GCM',
      typ: SEALED_FILE_TYPE,
      tenantId,
      deviceId,
      enrollmentId,
      fileId,
    })
    .encrypt(sealKey)
}

function headerOf(jwe: string): Record<string, unknown> {
  try {
    return decodeProtectedHeader(jwe)
  } catch (cause) {
    throw new DeviceProtocolError('malformed', 'not a compact JWE', { cause })
  }
}

/**
 * Opens a sealed file with the device's private seal key. Throws `malformed`, `wrong_type`, `wrong_algorithm`,
 * `wrong_tenant`, `wrong_device`, `wrong_enrollment`, `wrong_file` or `cannot_open`.
 */
export async function openFile(jwe: string, openKey: CryptoKey, expected: SealBinding): Promise<Bytes> {
  const header = headerOf(jwe)
  expectSame('wrong_type', 'typ', header.typ, SEALED_FILE_TYPE)
  expectSame('wrong_algorithm', 'alg', header.alg, 'ECDH-ES')
  expectSame('wrong_algorithm', 'enc', header.enc, 'A256GCM')
  expectSame('wrong_tenant', 'tenantId', header.tenantId, expected.tenantId)
  expectSame('wrong_device', 'deviceId', header.deviceId, expected.deviceId)
  expectSame('wrong_enrollment', 'enrollmentId', header.enrollmentId, expected.enrollmentId)
  expectSame('wrong_file', 'fileId', header.fileId, expected.fileId)
  try {
    const { plaintext } = await compactDecrypt(jwe, openKey, {
      keyManagementAlgorithms: ['ECDH-ES'],
      contentEncryptionAlgorithms: ['A256GCM'],
    })
    return new Uint8Array(plaintext)
  } catch (cause) {
    throw new DeviceProtocolError('cannot_open', 'the sealed file does not open with this key', { cause })
  }
}
