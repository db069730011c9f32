import { z } from 'zod'
import { type Bytes, concatBytes, utf8Decode, utf8Encode } from '#lib/bytes.ts'
import { DeviceProtocolError } from '#protocol/device/error.ts'
import { openFile } from '#protocol/device/seal.ts'
import { openBytes, sealBytes } from './cipher.ts'
import type { Device } from './device.ts'
import { AgentError, GatewayError, toAgentError } from './errors.ts'
import { NAMES } from './identity.ts'
import { expectNotErased } from './tombstone.ts'
import type { Unlocked } from './vault.ts'
import { fetchParts, fileIdOf, type KeptContent, readParts } from './vault-parts.ts'

const nameOf = (fileId: string) => `${NAMES.vault}/${fileId}`

function contextOf(device: Device, fileId: string): string {
  const { tenantId, deviceId, enrollmentId } = device.identity
  return `gatehouse/vault-file/v1/${tenantId}/${deviceId}/${enrollmentId}/${fileId}`
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

/** A larger file is fetched as a release and kept in parts. */
const WHOLE_BYTES = 8 * 1024 * 1024

function whole(content: Bytes): KeptContent {
  return {
    sizeBytes: content.length,
    async *chunks() {
      yield content
    },
  }
}

/** The gateway's word that it gives this file in chunks only. */
function isTooLarge(error: unknown): boolean {
  const cause = error instanceof AgentError ? error.cause : error
  return cause instanceof GatewayError && cause.code === 'payload_too_large'
}

async function fetchWhole(device: Device, key: CryptoKey, { fileId, purpose }: Wanted): Promise<KeptContent> {
  const content = await fetchFile(device, fileId, purpose)
  await writeVault(device, key, fileId, content)
  return whole(content)
}

/** `sizeBytes` as far as this device knows it. */
export type Wanted = { fileId: string; purpose: 'view' | 'download'; sizeBytes?: number | undefined }

/** The content of a file: from the vault, or from the server and then kept in the vault. */
export async function readFile(device: Device, unlocked: Unlocked, wanted: Wanted): Promise<KeptContent> {
  const { key } = unlocked
  const kept = await readVault(device, key, wanted.fileId)
  if (kept) return whole(kept)
  const inParts = await readParts({ device, key }, wanted.fileId)
  if (inParts) return inParts
  if (!unlocked.online)
    throw new AgentError('offline', 'This file is not on the device, and the gateway does not answer.')
  if ((wanted.sizeBytes ?? 0) > WHOLE_BYTES) return fetchParts({ device, key }, wanted)
  try {
    return await fetchWhole(device, key, wanted)
  } catch (error) {
    if (!isTooLarge(error)) throw error
    return fetchParts({ device, key }, wanted)
  }
}

/** Removes the files from the vault that the server no longer lists for this device, and gives how many. */
export async function pruneVault(device: Device, listed: ReadonlySet<string>): Promise<number> {
  const removed = new Set<string>()
  for (const { name } of await device.ports.store.list(NAMES.vault)) {
    if (listed.has(fileIdOf(name))) continue
    await device.ports.store.shred(name)
    removed.add(fileIdOf(name))
  }
  return removed.size
}
