import type { z } from 'zod'
import { openBytes, sealBytes } from '#agent/core/cipher.ts'
import type { Device } from '#agent/core/device.ts'
import { AgentError, isStorageFailure } from '#agent/core/errors.ts'
import { recordEvent } from '#agent/core/events.ts'
import { NAMES } from '#agent/core/identity.ts'
import { cachedPolicy, decide, keepsContent } from '#agent/core/policy.ts'
import { type OpenedRelease, openRelease, type ReleaseFacts, type ReleaseOptions } from '#agent/core/release.ts'
import { unlock } from '#agent/core/vault.ts'
import { keepRelease, readParts, type Vault } from '#agent/core/vault-parts.ts'
import { utf8Decode, utf8Encode } from '#lib/bytes.ts'
import { releaseSchema } from '#protocol/device/messages.ts'

// Where the policy lets a browser keep files: what was shown once lies in the vault like an agent's large file, with a note
// `vault/<id>.facts` of what the viewer needs beside the bytes. All of it opens only while the server's share is lent.

const factsSchema = releaseSchema.omit({ contentKey: true }) satisfies z.ZodType<ReleaseFacts>

const SUFFIX = '.facts'
const factsName = (fileId: string) => `${NAMES.vault}/${fileId}${SUFFIX}`

function contextOf({ identity }: Device, fileId: string): string {
  const { tenantId, deviceId, enrollmentId } = identity
  return `gatehouse/vault-facts/v1/${tenantId}/${deviceId}/${enrollmentId}/${fileId}`
}

async function keep(vault: Vault, opened: OpenedRelease): Promise<OpenedRelease> {
  const { device, key } = vault
  const { release } = opened
  const kept = await keepRelease(vault, opened)
  const facts = utf8Encode(JSON.stringify(release))
  // Last: without it the rest is not found offline. Died before: it is fetched again, and nothing of it twice.
  await device.ports.store.write(
    factsName(release.fileId),
    await sealBytes(key, facts, contextOf(device, release.fileId)),
  )
  return { release, chunks: kept.chunks }
}

async function readFacts({ device, key }: Vault, fileId: string): Promise<ReleaseFacts | null> {
  const sealed = await device.ports.store.read(factsName(fileId))
  if (sealed === null) return null
  try {
    return factsSchema.parse(JSON.parse(utf8Decode(await openBytes(key, sealed, contextOf(device, fileId)))))
  } catch {
    // Damaged, or sealed with a share that the server has since replaced.
    return null
  }
}

/** The server did not see this view: it is written down here, before the first byte is shown. */
async function recordView(
  device: Device,
  { fileId, labels }: ReleaseFacts,
  session: string | undefined,
): Promise<void> {
  const policy = await cachedPolicy(device)
  if (!policy) throw new AgentError('offline', 'No policy has reached this device yet; nothing can be opened.')
  const { outcome, enforcement, rule } = decide(device, policy, { action: 'file.view', labels })
  await recordEvent(device, {
    action: 'file.view',
    outcome,
    enforcement,
    policy: { id: policy.policyId, version: policy.version, rule },
    target: { type: 'file', id: fileId },
    ...(labels.length > 0 ? { labels } : {}),
    detail: { offline: true, ...(session === undefined ? {} : { session }) },
  })
  await device.ports.companion.poke()
}

async function openKept(device: Device, options: ReleaseOptions, offline: AgentError): Promise<OpenedRelease> {
  const { fileId, session } = options
  const { key, online } = await unlock(device)
  // It answers again: then it decides.
  if (online) return openRelease(device, options)
  const vault = { device, key }
  const release = await readFacts(vault, fileId)
  const content = release && (await readParts(vault, fileId))
  if (!release || !content) throw offline
  await recordView(device, release, session)
  return { release, chunks: content.chunks }
}

function isOffline(error: unknown): error is AgentError {
  return error instanceof AgentError && (error.code === 'offline' || error.code === 'busy')
}

/** Kept where that is possible: a full disk or a share that is not lent must not keep anybody from what was released. */
async function keepIfRoom(device: Device, opened: OpenedRelease): Promise<OpenedRelease> {
  try {
    return await keep({ device, key: (await unlock(device)).key }, opened)
  } catch (error) {
    if (isStorageFailure(error) || isOffline(error)) return opened
    throw error
  }
}

/**
 * The content of a file for the viewer. Where nothing may be kept, this is the server's release and lives in memory alone.
 * Where the policy allows it, what is viewed is kept, and opens without the server while the lease lasts; that view is recorded
 * here and sent later. Throws as `openRelease`, and `locked` where no lease lasts.
 */
export async function openContent(device: Device, options: ReleaseOptions): Promise<OpenedRelease> {
  if (options.purpose !== 'view' || !(await keepsContent(device))) return openRelease(device, options)
  let opened: OpenedRelease
  try {
    opened = await openRelease(device, options)
  } catch (error) {
    if (!isOffline(error)) throw error
    return openKept(device, options, error)
  }
  return keepIfRoom(device, opened)
}

/** What opens without the server right now, newest release first; empty where nothing may be kept. Throws `locked`, `revoked`. */
export async function listKept(device: Device): Promise<ReleaseFacts[]> {
  if (!(await keepsContent(device))) return []
  const names = (await device.ports.store.list(NAMES.vault)).map(({ name }) => name)
  const ids = names
    .filter((name) => name.endsWith(SUFFIX))
    .map((name) => name.slice(NAMES.vault.length + 1, -SUFFIX.length))
  if (ids.length === 0) return []
  const vault = { device, key: (await unlock(device)).key }
  const found = await Promise.all(ids.map((fileId) => readFacts(vault, fileId)))
  return found.filter((facts) => facts !== null).sort((a, b) => (a.releaseId < b.releaseId ? 1 : -1))
}
