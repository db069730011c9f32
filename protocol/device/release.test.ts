import { createCipheriv, randomBytes } from 'node:crypto'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Bytes, base64urlDecode, base64urlEncode, utf8Decode, utf8Encode } from '#lib/bytes.ts'
import { uuidv7 } from '#lib/uuid.ts'
import { DeviceProtocolError } from './error.ts'
import { type DeviceKeyPair, generateKeyPair, importOpenKey, importSealKey } from './keys.ts'
import { type Release, releaseRequestSchema } from './messages.ts'
import {
  importContentKey,
  makeContentKey,
  openRelease,
  openReleaseChunk,
  RELEASE_CHUNK_BYTES,
  RELEASE_CHUNK_OVERHEAD,
  type ReleaseChunkPlace,
  releaseChunkContext,
  releaseChunkCount,
  sealRelease,
  sealReleaseChunk,
} from './release.ts'

const ids = { tenantId: uuidv7(), deviceId: uuidv7(), enrollmentId: uuidv7() }
const [fileId, releaseId] = [uuidv7(), uuidv7()]
const contentKey = makeContentKey()

const release: Release = {
  releaseId,
  fileId,
  name: 'Plan – 计划.pdf',
  mediaType: 'application/pdf',
  labels: ['internal'],
  kind: 'pdf',
  sizeBytes: 3 * RELEASE_CHUNK_BYTES - 7,
  sha256: 'ab'.repeat(32),
  chunkBytes: RELEASE_CHUNK_BYTES,
  chunkCount: 3,
  contentKey: base64urlEncode(contentKey),
  pages: 12,
  watermark: { text: 'Lena · 10:00 · 3F2A' },
  policy: { id: ids.tenantId, version: 4, rule: 'data.view' },
  expiresAt: '2026-03-01T11:00:00.000Z',
}

let device: DeviceKeyPair
let stranger: DeviceKeyPair
let sealKey: CryptoKey
let openKey: CryptoKey

beforeAll(async () => {
  ;[device, stranger] = await Promise.all([generateKeyPair(), generateKeyPair()])
  sealKey = await importSealKey(device.publicJwk)
  openKey = await importOpenKey(device.privateJwk)
})

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    if (error instanceof DeviceProtocolError) return error.code
    throw error
  }
  return 'accepted'
}

describe('a release', () => {
  it('opens on the device it was sealed to, whole', async () => {
    const jwe = await sealRelease(release, sealKey, ids)
    expect(JSON.parse(utf8Decode(base64urlDecode(jwe.split('.')[0] ?? '')))).toMatchObject({
      alg: 'ECDH-ES',
      enc: 'A256GCM',
      typ: 'gatehouse-release+jwe',
      ...ids,
      fileId,
      releaseId,
    })
    expect(await openRelease(jwe, openKey, { ...ids, fileId })).toEqual(release)
  })

  it.each([
    ['wrong_tenant', { tenantId: uuidv7() }],
    ['wrong_device', { deviceId: uuidv7() }],
    ['wrong_enrollment', { enrollmentId: uuidv7() }],
    ['wrong_file', { fileId: uuidv7() }],
  ])('for somebody or something else is refused: %s', async (code, change) => {
    const jwe = await sealRelease(release, sealKey, ids)
    expect(await codeOf(openRelease(jwe, openKey, { ...ids, fileId, ...change }))).toBe(code)
  })

  it('does not open with another key, altered, under another header or as another type', async () => {
    const expected = { ...ids, fileId }
    const jwe = await sealRelease(release, sealKey, ids)
    expect(await codeOf(openRelease(jwe, await importOpenKey(stranger.privateJwk), expected))).toBe('cannot_open')
    const parts = jwe.split('.')
    const other = (await sealRelease({ ...release, releaseId: uuidv7() }, sealKey, ids)).split('.')
    expect(await codeOf(openRelease([other[0], ...parts.slice(1)].join('.'), openKey, expected))).toBe('cannot_open')
    const header = JSON.parse(utf8Decode(base64urlDecode(parts[0] ?? ''))) as object
    const typed = base64urlEncode(utf8Encode(JSON.stringify({ ...header, typ: 'gatehouse-file+jwe' })))
    expect(await codeOf(openRelease([typed, ...parts.slice(1)].join('.'), openKey, expected))).toBe('wrong_type')
    expect(await codeOf(openRelease('nonsense', openKey, expected))).toBe('malformed')
  })

  it('whose numbers do not fit together is malformed', async () => {
    const jwe = await sealRelease({ ...release, chunkCount: 2 }, sealKey, ids)
    expect(await codeOf(openRelease(jwe, openKey, { ...ids, fileId }))).toBe('malformed')
    const keyless = await sealRelease({ ...release, contentKey: 'short' }, sealKey, ids)
    expect(await codeOf(openRelease(keyless, openKey, { ...ids, fileId }))).toBe('malformed')
  })
})

describe('chunks', () => {
  const contents = [0, 1, 2].map((n) => new Uint8Array(randomBytes(1_000 + n)))
  const placeOf = (number: number, change: Partial<ReleaseChunkPlace> = {}): ReleaseChunkPlace => ({
    ...ids,
    fileId,
    releaseId,
    number,
    isLast: number === 2,
    ...change,
  })
  let key: CryptoKey
  let chunks: Bytes[]

  beforeAll(async () => {
    key = await importContentKey(release.contentKey)
    chunks = await Promise.all(contents.map((content, n) => sealReleaseChunk(key, content, placeOf(n))))
  })

  const chunk = (number: number) => chunks[number] ?? new Uint8Array()

  it('open in their places', async () => {
    for (const [n, content] of contents.entries()) {
      expect(chunk(n)).toHaveLength(content.length + RELEASE_CHUNK_OVERHEAD)
      expect(await openReleaseChunk(key, chunk(n), placeOf(n))).toEqual(content)
    }
  })

  it('of no bytes open, too', async () => {
    const place = placeOf(0, { isLast: true })
    expect(await openReleaseChunk(key, await sealReleaseChunk(key, new Uint8Array(0), place), place)).toHaveLength(0)
  })

  it.each<[string, number, Partial<ReleaseChunkPlace>]>([
    ['swapped with another', 0, { number: 1 }],
    ['moved to the end', 0, { number: 2, isLast: true }],
    ['of a content that was cut', 1, { isLast: true }],
    ['of a content that was made longer', 2, { isLast: false }],
    ['of another release', 0, { releaseId: uuidv7() }],
    ['of another file', 0, { fileId: uuidv7() }],
    ['for another device', 0, { deviceId: uuidv7() }],
    ['for another enrolment', 0, { enrollmentId: uuidv7() }],
    ['of another organisation', 0, { tenantId: uuidv7() }],
  ])('%s do not open', async (_what, number, change) => {
    expect(await codeOf(openReleaseChunk(key, chunk(number), placeOf(number, change)))).toBe('cannot_open')
  })

  it('do not open altered, shortened or with another release’s key', async () => {
    const altered = chunk(0).slice()
    altered[500] = (altered[500] ?? 0) ^ 1
    expect(await codeOf(openReleaseChunk(key, altered, placeOf(0)))).toBe('cannot_open')
    expect(await codeOf(openReleaseChunk(key, chunk(0).slice(0, -1), placeOf(0)))).toBe('cannot_open')
    expect(await codeOf(openReleaseChunk(key, chunk(0).slice(0, 20), placeOf(0)))).toBe('malformed')
    const other = await importContentKey(makeContentKey())
    expect(await codeOf(openReleaseChunk(other, chunk(0), placeOf(0)))).toBe('cannot_open')
  })

  it('made by another implementation of AES-256-GCM are the same bytes', async () => {
    const iv = chunk(1).slice(0, 12)
    const cipher = createCipheriv('aes-256-gcm', contentKey, iv)
    const place = placeOf(1)
    expect(releaseChunkContext(place)).toBe(
      `gatehouse/release-chunk/v1/${ids.tenantId}/${ids.deviceId}/${ids.enrollmentId}/${fileId}/${releaseId}/1/more`,
    )
    cipher.setAAD(Buffer.from(releaseChunkContext(place)))
    const sealed = [iv, cipher.update(contents[1] ?? ''), cipher.final(), cipher.getAuthTag()]
    expect(new Uint8Array(Buffer.concat(sealed))).toEqual(chunk(1))
  })

  it('are counted as they are cut', () => {
    const mib = RELEASE_CHUNK_BYTES
    expect([0, 1, mib, mib + 1, 200 * mib].map((size) => releaseChunkCount(size))).toEqual([1, 1, 1, 2, 200])
  })

  it('need a key of 32 bytes', async () => {
    expect(await codeOf(importContentKey(new Uint8Array(16)))).toBe('wrong_key')
  })
})

describe('the request for a release', () => {
  it.each([
    {},
    { purpose: 'copy' },
    { purpose: 'view', session: 'x' },
    { purpose: 'download', reason: '' },
    { purpose: 'view', more: 1 },
  ])('%j is refused', (body) => {
    expect(releaseRequestSchema.safeParse(body).success).toBe(false)
  })
})
