import type { IncomingMessage, ServerResponse } from 'node:http'
import { base64urlEncode, hexEncode } from '#lib/bytes.ts'
import { uuidv7 } from '#lib/uuid.ts'
import { importSealKey } from '#protocol/device/keys.ts'
import { forwardRequestSchema, type Release, releaseRequestSchema } from '#protocol/device/messages.ts'
import {
  importContentKey,
  makeContentKey,
  RELEASE_CHUNK_BYTES,
  releaseChunkCount,
  sealRelease,
  sealReleaseChunk,
} from '#protocol/device/release.ts'
import { sealFile } from '#protocol/device/seal.ts'
import { evaluate } from '#protocol/policy/evaluate.ts'
import { bodyOf, httpDate, type KnownDevice, Problem, type Side } from './state.ts'

export async function sealed(side: Side, device: KnownDevice, fileId: string): Promise<string> {
  const { state } = side
  const { tenantId } = state
  const file = state.files.get(fileId)
  if (!file) throw new Problem('not_found')
  state.fileReleases += 1
  const { id: deviceId, enrollmentId } = device
  return sealFile(file.content, await importSealKey(device.keys.seal), { tenantId, deviceId, enrollmentId, fileId })
}

export async function release(
  side: Side,
  device: KnownDevice,
  fileId: string,
  request: IncomingMessage,
): Promise<string> {
  const { state, now } = side
  const { tenantId } = state
  releaseRequestSchema.parse(JSON.parse(await bodyOf(request)))
  const file = state.files.get(fileId)
  if (!file) throw new Problem('not_found')
  state.fileReleases += 1
  const { id: policyId, version } = state.policy
  const made: Release = {
    releaseId: uuidv7(),
    fileId,
    name: file.name,
    mediaType: 'text/plain',
    labels: file.labels,
    kind: 'original',
    sizeBytes: file.content.length,
    sha256: hexEncode(new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(file.content)))),
    chunkBytes: RELEASE_CHUNK_BYTES,
    chunkCount: releaseChunkCount(file.content.length),
    contentKey: base64urlEncode(makeContentKey()),
    watermark: null,
    policy: { id: policyId, version, rule: 'data.view' },
    expiresAt: new Date(now() + 3_600_000).toISOString(),
  }
  state.releases.set(made.releaseId, { deviceId: device.id, release: made })
  const { id: deviceId, enrollmentId } = device
  return sealRelease(made, await importSealKey(device.keys.seal), { tenantId, deviceId, enrollmentId })
}

export async function sendChunk(
  side: Side,
  device: KnownDevice,
  path: string,
  response: ServerResponse,
): Promise<void> {
  const { state } = side
  const { tenantId } = state
  const [, , releaseId = '', , number = ''] = path.split('/')
  const known = state.releases.get(releaseId)
  const file = known && state.files.get(known.release.fileId)
  if (!file || known.deviceId !== device.id) throw new Problem('not_found')
  if (state.chunksLeft <= 0) {
    response.destroy()
    return
  }
  state.chunksLeft -= 1
  state.chunksSent += 1
  const { fileId, chunkCount, contentKey } = known.release
  const n = Number(number)
  const place = { tenantId, deviceId: device.id, enrollmentId: device.enrollmentId, fileId, releaseId, number: n }
  const plain = file.content.subarray(n * RELEASE_CHUNK_BYTES, (n + 1) * RELEASE_CHUNK_BYTES)
  const key = await importContentKey(contentKey)
  const sealed = await sealReleaseChunk(key, plain, { ...place, isLast: n + 1 === chunkCount })
  response.writeHead(200, { 'content-type': 'application/octet-stream', date: httpDate(side) })
  response.end(sealed)
}

export async function forward(side: Side, fileId: string, request: IncomingMessage): Promise<object> {
  const { state } = side
  const { to, reason } = forwardRequestSchema.parse(JSON.parse(await bodyOf(request)))
  const file = state.files.get(fileId)
  if (!file) throw new Problem('not_found')
  const { id, version, document } = state.policy
  const asked = { action: 'file.forward', platform: 'linux', capabilities: { preventCapture: false } } as const
  const { outcome, rule } = evaluate(document, { ...asked, recipient: to, reason })
  if (outcome === 'denied')
    throw new Problem('policy_denied', {}, `The policy forbids it (${rule}, version ${version}).`)
  state.forwards.push({ fileId, to, reason })
  return { fileId: state.people.has(to) ? uuidv7() : null, name: file.name, to, policy: { id, version, rule } }
}

export function fileList(side: Side) {
  const items = [...side.state.files].map(([id, { name, content, labels }]) => ({
    id,
    name,
    mediaType: 'text/plain',
    sizeBytes: content.length,
    labels,
    publishedAt: '2026-01-01T00:00:00.000Z',
  }))
  return { items, nextCursor: null }
}
