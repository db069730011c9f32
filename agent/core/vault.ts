import { z } from 'zod'
import { type Bytes, base64urlDecode, concatBytes, utf8Decode, utf8Encode } from '#lib/bytes.ts'
import { DeviceProtocolError } from '#protocol/device/error.ts'
import { openFile } from '#protocol/device/seal.ts'
import { openBytes, sealBytes } from './cipher.ts'
import type { Device } from './device.ts'
import { AgentError, GatewayError, isTemporary, toAgentError } from './errors.ts'
import { NAMES } from './identity.ts'
import { expectNotErased } from './tombstone.ts'

const nameOf = (fileId: string) => `${NAMES.vault}/${fileId}`

function contextOf(device: Device, fileId: string): string {
  const { tenantId, deviceId, enrollmentId } = device.identity
  return `gatehouse/vault-file/v1/${tenantId}/${deviceId}/${enrollmentId}/${fileId}`
}

export type Unlocked = { key: CryptoKey; online: boolean; policyVersion: number | null }

async function withShare(device: Device, share: Uint8Array, online: boolean, policyVersion: number | null) {
  const key = await device.ports.keys.vaultKey(share, device.identity)
  share.fill(0)
  // The secret is the first thing that an erasure takes, also from under an open device.
  if (!key) throw new AgentError('erased', 'This device was erased: its half of the vault key is gone.')
  return { key, online, policyVersion }
}

/** Asks the server for its share, and keeps it for the lease. Throws what the gateway said. */
export async function unlockOnline(device: Device): Promise<Unlocked> {
  const epoch = device.lease.epoch()
  try {
    const { share, leaseSeconds, policyVersion } = await device.client.unlock()
    const bytes = base64urlDecode(share)
    device.lease.keep(bytes, leaseSeconds, epoch)
    return await withShare(device, bytes, true, policyVersion)
  } catch (error) {
    // Refused for whatever reason: what an earlier answer lent is not ours any more.
    if (error instanceof GatewayError && !isTemporary(error)) await dropShare(device)
    throw error
  }
}

/** Forgets the share here and in the process that stays connected. */
export async function dropShare(device: Device): Promise<void> {
  device.lease.drop()
  await device.ports.companion.drop()
}

/**
 * The vault key. The server is always asked first, so that a block acts at once; only where it does not answer, a lease that
 * still lasts opens. Throws `revoked`, `pending` or `locked`.
 */
export async function unlock(device: Device): Promise<Unlocked> {
  try {
    return await unlockOnline(device)
  } catch (error) {
    if (!isTemporary(error)) throw toAgentError(error)
    const share = device.lease.share() ?? (await device.ports.companion.share())
    if (share) return withShare(device, share, false, null)
    const detail = 'The vault is locked: the gateway does not answer and no offline lease lasts here.'
    throw new AgentError('locked', detail, { cause: error })
  }
}

const headerSchema = z.object({ fileId: z.string() })

/** The stored form is sealed as a whole, bound to file, device and enrolment; the id inside is a second witness. */
async function readVault(device: Device, key: CryptoKey, fileId: string): Promise<Bytes | null> {
  const sealed = await device.ports.store.read(nameOf(fileId))
  if (sealed === null) return null
  let opened: Bytes
  try {
    opened = await openBytes(key, sealed, contextOf(device, fileId))
  } catch {
    // Damaged, or sealed with a share that the server has since replaced: fetch it again.
    return null
  }
  const end = opened.indexOf(0x0a)
  const header = headerSchema.safeParse(JSON.parse(utf8Decode(opened.slice(0, end))))
  return header.success && header.data.fileId === fileId ? opened.slice(end + 1) : null
}

async function writeVault(device: Device, key: CryptoKey, fileId: string, content: Uint8Array): Promise<void> {
  const plain = concatBytes(utf8Encode(`${JSON.stringify({ fileId })}\n`), content)
  await device.ports.store.write(nameOf(fileId), await sealBytes(key, plain, contextOf(device, fileId)))
  try {
    // An erasure may have swept the vault between our start and this write.
    await expectNotErased(device.ports)
  } catch (error) {
    await device.ports.store.shred(nameOf(fileId))
    throw error
  }
}

async function fetchFile(device: Device, fileId: string, purpose: 'view' | 'download'): Promise<Bytes> {
  try {
    const jwe = await device.client.file(fileId, purpose)
    return await openFile(jwe, device.openKey, { ...device.identity, fileId })
  } catch (error) {
    if (!(error instanceof DeviceProtocolError)) throw toAgentError(error)
    throw new AgentError('untrusted', `The file was refused (${error.code}): ${error.message}`, { cause: error })
  }
}

/** The content of a file: from the vault, or from the server and then kept in the vault. */
export async function readFile(
  device: Device,
  unlocked: Unlocked,
  fileId: string,
  purpose: 'view' | 'download',
): Promise<Bytes> {
  const kept = await readVault(device, unlocked.key, fileId)
  if (kept) return kept
  if (!unlocked.online)
    throw new AgentError('offline', 'This file is not on the device, and the gateway does not answer.')
  const content = await fetchFile(device, fileId, purpose)
  await writeVault(device, unlocked.key, fileId, content)
  return content
}

/** Removes vault files that the server no longer lists for this device. */
export async function pruneVault(device: Device, listed: ReadonlySet<string>): Promise<number> {
  let removed = 0
  for (const { name } of await device.ports.store.list(NAMES.vault)) {
    if (listed.has(name.slice(NAMES.vault.length + 1))) continue
    await device.ports.store.shred(name)
    removed += 1
  }
  return removed
}
