import { CompactEncrypt, compactDecrypt, decodeProtectedHeader } from 'jose'
import type { Bytes } from '#lib/bytes.ts'
import { DeviceProtocolError, expectSame } from './error.ts'

/** `typ` of a sealed file. */
export const SEALED_FILE_TYPE = 'gatehouse-file+jwe'

/** Where a sealed file belongs. It stands in the protected header, so it cannot be changed without failing to open. */
export type SealBinding = { tenantId: string; deviceId: string; enrollmentId: string; fileId: string }

/** What the protected header of a sealed thing carries beside its algorithms. */
type SealHeader = SealBinding & { typ: string; releaseId?: string }

/** Seals bytes to a device's seal key: compact JWE, ECDH-ES with A256GCM (RFC 7516, RFC 7518 §4.6). */
export async function sealBound(plaintext: Uint8Array, sealKey: CryptoKey, header: SealHeader): Promise<string> {
  const { typ, tenantId, deviceId, enrollmentId, fileId, releaseId } = header
  return new CompactEncrypt(plaintext)
    .setProtectedHeader({
      alg: 'ECDH-ES',
      enc: 'A256GCM',
      typ,
      tenantId,
      deviceId,
      enrollmentId,
      fileId,
      ...(releaseId === undefined ? {} : { releaseId }),
    })
    .encrypt(sealKey)
}

/** Seals a whole file for one device. */
export async function sealFile(plaintext: Uint8Array, sealKey: CryptoKey, binding: SealBinding): Promise<string> {
  return sealBound(plaintext, sealKey, { ...binding, typ: SEALED_FILE_TYPE })
}

function headerOf(jwe: string): Record<string, unknown> {
  try {
    return decodeProtectedHeader(jwe)
  } catch (cause) {
    throw new DeviceProtocolError('malformed', 'not a compact JWE', { cause })
  }
}

/**
 * Opens what was sealed to a device, when it is of this type and bound as expected. Throws `malformed`, `wrong_type`,
 * `wrong_algorithm`, `wrong_tenant`, `wrong_device`, `wrong_enrollment`, `wrong_file` or `cannot_open`.
 */
export async function openBound(
  jwe: string,
  openKey: CryptoKey,
  expected: SealBinding & { typ: string },
): Promise<{ plaintext: Bytes; header: Record<string, unknown> }> {
  const header = headerOf(jwe)
  expectSame('wrong_type', 'typ', header.typ, expected.typ)
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
    return { plaintext: new Uint8Array(plaintext), header }
  } catch (cause) {
    throw new DeviceProtocolError('cannot_open', `${expected.typ} does not open with this key`, { cause })
  }
}

/** Opens a sealed file with the device's private seal key. Throws as `openBound`. */
export async function openFile(jwe: string, openKey: CryptoKey, expected: SealBinding): Promise<Bytes> {
  return (await openBound(jwe, openKey, { ...expected, typ: SEALED_FILE_TYPE })).plaintext
}
