import { type Bytes, base64urlDecode, concatBytes, utf8Decode, utf8Encode } from '#lib/bytes.ts'
import { DeviceProtocolError, expectSame } from './error.ts'
import { type Release, releaseSchema } from './messages.ts'
import { openBound, type SealBinding, sealBound } from './seal.ts'

/** `typ` of a sealed release. */
export const RELEASE_TYPE = 'gatehouse-release+jwe'

/** Bytes of content in every chunk but the last. */
export const RELEASE_CHUNK_BYTES = 1_048_576

const KEY_BYTES = 32
const IV_BYTES = 12
const TAG_BYTES = 16

/** How much longer a sealed chunk is than what it holds: iv ‖ ciphertext ‖ tag. */
export const RELEASE_CHUNK_OVERHEAD = IV_BYTES + TAG_BYTES

/** Whom a release is for. All of it is authenticated, with the release itself and with every chunk. */
export type ReleaseBinding = SealBinding & { releaseId: string }

/** Where a chunk belongs; `number` counts from 0. */
export type ReleaseChunkPlace = ReleaseBinding & { number: number; isLast: boolean }

/** How many chunks so many bytes of content make; an empty file is one empty chunk. */
export function releaseChunkCount(sizeBytes: number, chunkBytes: number = RELEASE_CHUNK_BYTES): number {
  return Math.max(1, Math.ceil(sizeBytes / chunkBytes))
}

/** What a chunk is authenticated with beside its bytes, as text; the server's own cipher uses the same. */
export function releaseChunkContext(place: ReleaseChunkPlace): string {
  const { tenantId, deviceId, enrollmentId, fileId, releaseId, number, isLast } = place
  const end = isLast ? 'last' : 'more'
  return `gatehouse/release-chunk/v1/${tenantId}/${deviceId}/${enrollmentId}/${fileId}/${releaseId}/${number}/${end}`
}

/** Seals a release to a device's seal key: compact JWE, ECDH-ES with A256GCM. `release` names its file and itself. */
export async function sealRelease(
  release: Release,
  sealKey: CryptoKey,
  device: Omit<SealBinding, 'fileId'>,
): Promise<string> {
  const { tenantId, deviceId, enrollmentId } = device
  const { fileId, releaseId } = release
  const header = { typ: RELEASE_TYPE, tenantId, deviceId, enrollmentId, fileId, releaseId }
  return sealBound(utf8Encode(JSON.stringify(release)), sealKey, header)
}

function parsed(plaintext: Uint8Array): Release {
  try {
    return releaseSchema.parse(JSON.parse(utf8Decode(plaintext)))
  } catch (cause) {
    throw new DeviceProtocolError('malformed', 'the release is not one of this protocol', { cause })
  }
}

/**
 * Opens a release with the device's private seal key and checks that it is for this device and file and that its numbers fit
 * together. Throws `malformed`, `wrong_type`, `wrong_algorithm`, `wrong_tenant`, `wrong_device`, `wrong_enrollment`,
 * `wrong_file`, `wrong_release` or `cannot_open`.
 */
export async function openRelease(jwe: string, openKey: CryptoKey, expected: SealBinding): Promise<Release> {
  const { plaintext, header } = await openBound(jwe, openKey, { ...expected, typ: RELEASE_TYPE })
  const release = parsed(plaintext)
  expectSame('wrong_file', 'the release’s fileId', release.fileId, expected.fileId)
  expectSame('wrong_release', 'releaseId', header.releaseId, release.releaseId)
  const count = releaseChunkCount(release.sizeBytes, release.chunkBytes)
  expectSame('malformed', 'chunkCount', release.chunkCount, count)
  return release
}

/** A fresh key for one release, in the form that stands in it. */
export function makeContentKey(): Bytes {
  return crypto.getRandomValues(new Uint8Array(KEY_BYTES))
}

/** The key of a release's chunks as WebCrypto wants it; not extractable. */
export async function importContentKey(contentKey: string | Bytes): Promise<CryptoKey> {
  const bytes = typeof contentKey === 'string' ? base64urlDecode(contentKey) : contentKey
  if (bytes.length !== KEY_BYTES) {
    throw new DeviceProtocolError('wrong_key', `the content key has ${bytes.length} bytes, expected ${KEY_BYTES}`)
  }
  return crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt'])
}

function paramsOf(iv: Bytes, place: ReleaseChunkPlace) {
  return { name: 'AES-GCM', iv, additionalData: utf8Encode(releaseChunkContext(place)) }
}

/** Seals one chunk: iv ‖ ciphertext ‖ tag, AES-256-GCM, a random iv. */
export async function sealReleaseChunk(
  key: CryptoKey,
  plaintext: Uint8Array,
  place: ReleaseChunkPlace,
): Promise<Bytes> {
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES))
  const sealed = await crypto.subtle.encrypt(paramsOf(iv, place), key, new Uint8Array(plaintext))
  return concatBytes(iv, new Uint8Array(sealed))
}

/**
 * Opens one chunk. What was swapped, moved, cut, altered, taken for the end or meant for another release or device fails with
 * `cannot_open`; what is too short to be one with `malformed`.
 */
export async function openReleaseChunk(key: CryptoKey, sealed: Bytes, place: ReleaseChunkPlace): Promise<Bytes> {
  if (sealed.length < RELEASE_CHUNK_OVERHEAD) {
    throw new DeviceProtocolError('malformed', `chunk ${place.number} has ${sealed.length} bytes`)
  }
  const params = paramsOf(sealed.slice(0, IV_BYTES), place)
  try {
    return new Uint8Array(await crypto.subtle.decrypt(params, key, sealed.subarray(IV_BYTES)))
  } catch (cause) {
    throw new DeviceProtocolError('cannot_open', `chunk ${place.number} does not open`, { cause })
  }
}
