import type { Bytes } from '#lib/bytes.ts'
import { DeviceProtocolError } from '#protocol/device/error.ts'
import type { Release, ReleasePurpose } from '#protocol/device/messages.ts'
import { importContentKey, openReleaseChunk, openRelease as openSealedRelease } from '#protocol/device/release.ts'
import { backoffMs } from './backoff.ts'
import type { Device } from './device.ts'
import { AgentError, GatewayError, isRevoked, isTemporary, toAgentError } from './errors.ts'
import { dropShare } from './vault.ts'

export type ReleaseOptions = {
  fileId: string
  purpose: ReleasePurpose
  /** Why, where the policy asks for it. */
  reason?: string | undefined
  /** The viewer's session: what it notices names the same. */
  session?: string | undefined
  signal?: AbortSignal | undefined
}

/** What a release says of itself; the key to its content stays here. */
export type ReleaseFacts = Omit<Release, 'contentKey'>

export type OpenedRelease = {
  release: ReleaseFacts
  /** The content in clear, in order from chunk `from` (0) on, at most two chunks of it in memory. Throws AgentError. */
  chunks(from?: number): AsyncGenerator<Bytes>
}

/** How long a file may be looked at by the server before we give up, all waits together. */
const PENDING_MS = 30_000
const CHUNK_ATTEMPTS = 5

/** Turns what went wrong into the line for a person. A device that is not served any more hides what it shows. */
async function told(device: Device, error: unknown): Promise<unknown> {
  if (isRevoked(error)) await dropShare(device)
  if (!(error instanceof DeviceProtocolError)) return toAgentError(error)
  return new AgentError('untrusted', `The release was refused (${error.code}): ${error.message}`, { cause: error })
}

/** While the server still looks at a new file it says when to ask again. */
async function askForRelease(device: Device, options: ReleaseOptions): Promise<string> {
  const { fileId, purpose, reason, session, signal } = options
  const body = { purpose, ...(reason ? { reason } : {}), ...(session ? { session } : {}) }
  const { clock } = device.ports
  const endsAt = clock.monotonic() + PENDING_MS
  for (;;) {
    try {
      return await device.client.release(fileId, body, signal)
    } catch (error) {
      const waitMs = error instanceof GatewayError && error.code === 'unavailable' ? error.retryAfterMs : null
      if (waitMs === null || signal?.aborted || clock.monotonic() + waitMs > endsAt) throw error
      await clock.sleep(waitMs, signal)
    }
  }
}

async function fetchChunk(device: Device, releaseId: string, number: number, signal: AbortSignal): Promise<Bytes> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await device.client.releaseChunk(releaseId, number, signal)
    } catch (error) {
      if (!isTemporary(error) || signal.aborted || attempt + 1 >= CHUNK_ATTEMPTS) throw error
      await device.ports.clock.sleep(backoffMs(attempt), signal)
    }
  }
}

async function* openedChunks(
  device: Device,
  key: CryptoKey,
  release: ReleaseFacts,
  { from, outer }: { from: number; outer: AbortSignal | undefined },
): AsyncGenerator<Bytes> {
  const { tenantId, deviceId, enrollmentId } = device.identity
  const { fileId, releaseId, chunkCount } = release
  const stop = new AbortController()
  const signal = outer ? AbortSignal.any([outer, stop.signal]) : stop.signal
  const fetching = (number: number) => {
    const chunk = fetchChunk(device, releaseId, number, signal)
    // Its failure is told when its turn comes, or not at all where nobody reads on.
    chunk.catch(() => undefined)
    return chunk
  }
  try {
    let next = from < chunkCount ? fetching(from) : null
    for (let number = from; next !== null; number++) {
      const sealed = await next
      const isLast = number + 1 === chunkCount
      next = isLast ? null : fetching(number + 1)
      yield await openReleaseChunk(key, sealed, { tenantId, deviceId, enrollmentId, fileId, releaseId, number, isLast })
    }
  } catch (error) {
    throw await told(device, error)
  } finally {
    stop.abort()
  }
}

/**
 * Asks for the content of a file: the server decides by the policy and writes it down before it hands out the key. Throws
 * AgentError `denied`, `revoked`, `pending`, `offline`, `busy`, `untrusted` or `refused` (with the server's `reason`).
 */
export async function openRelease(device: Device, options: ReleaseOptions): Promise<OpenedRelease> {
  try {
    const jwe = await askForRelease(device, options)
    const binding = { ...device.identity, fileId: options.fileId }
    const { contentKey, ...release } = await openSealedRelease(jwe, device.openKey, binding)
    const key = await importContentKey(contentKey)
    return { release, chunks: (from = 0) => openedChunks(device, key, release, { from, outer: options.signal }) }
  } catch (error) {
    throw await told(device, error)
  }
}
