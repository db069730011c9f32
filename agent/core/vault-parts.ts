import { z } from 'zod'
import { type Bytes, utf8Decode, utf8Encode } from '#lib/bytes.ts'
import { openBytes, sealBytes } from './cipher.ts'
import type { Device } from './device.ts'
import { AgentError } from './errors.ts'
import { NAMES } from './identity.ts'
import type { Store } from './ports.ts'
import { type OpenedRelease, openRelease, type ReleaseFacts } from './release.ts'
import { expectNotErased } from './tombstone.ts'

// A large file lies in the vault as it travels: in parts, `vault/<id>.0` and so on, each sealed for its own place, and a note
// `vault/<id>.parts` of what they make. The note is written first and the parts in order, each durable before the next is asked
// for: whoever dies in between goes on at the first part that is missing.

/** What is kept in the vault and handed out piece by piece. */
export type KeptContent = { sizeBytes: number; chunks(): AsyncGenerator<Bytes> }

const partsSchema = z.object({
  fileId: z.string(),
  sizeBytes: z.int().min(0),
  chunkBytes: z.int().min(1),
  chunkCount: z.int().min(1),
  sha256: z.string(),
})

type Parts = z.infer<typeof partsSchema>

/** An unlocked vault: whose it is, and its key. */
export type Vault = { device: Device; key: CryptoKey }

const noteName = (fileId: string) => `${NAMES.vault}/${fileId}.parts`
const partName = (fileId: string, number: number) => `${NAMES.vault}/${fileId}.${number}`

/** Of which file a blob of the vault is. */
export function fileIdOf(blobName: string): string {
  const name = blobName.slice(NAMES.vault.length + 1)
  const dot = name.indexOf('.')
  return dot < 0 ? name : name.slice(0, dot)
}

/** What the vault holds: files, each counted once, and the bytes they take. */
export async function vaultHoldings(store: Store): Promise<{ files: number; bytes: number }> {
  const held = await store.list(NAMES.vault)
  const files = new Set(held.map(({ name }) => fileIdOf(name)))
  return { files: files.size, bytes: held.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) }
}

function contextOf({ device }: Vault, fileId: string, place: string): string {
  const { tenantId, deviceId, enrollmentId } = device.identity
  return `gatehouse/vault-part/v1/${tenantId}/${deviceId}/${enrollmentId}/${fileId}/${place}`
}

const placeOf = ({ chunkCount }: Parts, number: number) => `${number}/${number + 1 === chunkCount ? 'last' : 'more'}`

async function readNote(vault: Vault, fileId: string): Promise<Parts | null> {
  const sealed = await vault.device.ports.store.read(noteName(fileId))
  if (sealed === null) return null
  try {
    const note = await openBytes(vault.key, sealed, contextOf(vault, fileId, 'note'))
    return partsSchema.parse(JSON.parse(utf8Decode(note)))
  } catch {
    // Damaged, or sealed with a share that the server has since replaced: what it describes does not open either.
    return null
  }
}

/** An erasure may have swept the vault between our start and this write: then it goes, too. */
async function keep(vault: Vault, name: string, plain: Uint8Array, context: string): Promise<void> {
  const { store } = vault.device.ports
  await store.write(name, await sealBytes(vault.key, plain, context))
  try {
    await expectNotErased(vault.device.ports)
  } catch (error) {
    await store.shred(name)
    throw error
  }
}

/** How many parts lie there, from the first one on without a gap. */
async function countParts({ device }: Vault, { fileId, chunkCount }: Parts): Promise<number> {
  const there = new Set((await device.ports.store.list(NAMES.vault)).map(({ name }) => name))
  let count = 0
  while (count < chunkCount && there.has(partName(fileId, count))) count++
  return count
}

async function forgetParts({ device }: Vault, fileId: string): Promise<void> {
  const { store } = device.ports
  for (const { name } of await store.list(NAMES.vault)) {
    if (name.includes('.') && fileIdOf(name) === fileId) await store.shred(name)
  }
}

async function* openedParts(vault: Vault, parts: Parts): AsyncGenerator<Bytes> {
  const { store } = vault.device.ports
  for (let number = 0; number < parts.chunkCount; number++) {
    const name = partName(parts.fileId, number)
    const sealed = await store.read(name)
    if (sealed === null) throw new AgentError('refused', 'This file was withdrawn while it was being read.')
    let part: Bytes
    try {
      part = await openBytes(vault.key, sealed, contextOf(vault, parts.fileId, placeOf(parts, number)))
    } catch (cause) {
      // Gone, it is fetched anew the next time.
      await store.shred(name)
      throw new AgentError('storage', 'A part of this file is damaged on this device; open it again.', { cause })
    }
    yield part
  }
}

function contentOf(vault: Vault, parts: Parts): KeptContent {
  return { sizeBytes: parts.sizeBytes, chunks: () => openedParts(vault, parts) }
}

/** A file whose parts all lie in the vault, or null. */
export async function readParts(vault: Vault, fileId: string): Promise<KeptContent | null> {
  const parts = await readNote(vault, fileId)
  if (!parts || (await countParts(vault, parts)) < parts.chunkCount) return null
  return contentOf(vault, parts)
}

function isSame(parts: Parts, { sizeBytes, chunkBytes, sha256 }: ReleaseFacts): boolean {
  return parts.sizeBytes === sizeBytes && parts.chunkBytes === chunkBytes && parts.sha256 === sha256
}

/** The note of what comes; parts of anything else go first. */
async function partsFor(vault: Vault, release: ReleaseFacts): Promise<Parts> {
  const { fileId, sizeBytes, chunkBytes, chunkCount, sha256 } = release
  const before = await readNote(vault, fileId)
  if (before && isSame(before, release)) return before
  await forgetParts(vault, fileId)
  const parts = { fileId, sizeBytes, chunkBytes, chunkCount, sha256 }
  await keep(vault, noteName(fileId), utf8Encode(JSON.stringify(parts)), contextOf(vault, fileId, 'note'))
  return parts
}

/** Asks for the release of a large file and keeps it. */
export async function fetchParts(
  vault: Vault,
  { fileId, purpose }: { fileId: string; purpose: 'view' | 'download' },
): Promise<KeptContent> {
  return keepRelease(vault, await openRelease(vault.device, { fileId, purpose }))
}

/** Fetches what is missing of a release, one chunk after the other, and keeps each. Throws AgentError; what came stays. */
export async function keepRelease(vault: Vault, { release, chunks }: OpenedRelease): Promise<KeptContent> {
  const { fileId } = release
  const parts = await partsFor(vault, release)
  let number = await countParts(vault, parts)
  for await (const chunk of chunks(number)) {
    await keep(vault, partName(fileId, number), chunk, contextOf(vault, fileId, placeOf(parts, number)))
    number += 1
  }
  return contentOf(vault, parts)
}
