import 'server-only'
import { randomBytes } from 'node:crypto'
import type { Sql, Tx } from '#server/kernel/db.ts'
import { decrypt, encrypt, sha256, staleKeysIn, type TenantVault } from '#server/kernel/keys.ts'

/** A content lies in pieces of this size; only the last one may be shorter. */
export const CHUNK_BYTES = 1_048_576
const FILE_KEY_BYTES = 32

/** Where the chunks of a content lie. */
export type ContentPlace = { tenantId: string; contentId: string }

/** A content as some row describes it: its key is sealed under the organisation's data key for exactly that row (`keyPlace`). */
export type StoredContent = ContentPlace & {
  wrapped: Uint8Array
  keyPlace: readonly [table: string, column: string, rowId: string]
  sizeBytes: number
}

/** A content that is open: its key fits, its chunks are read one by one. */
export type OpenContent = {
  sizeBytes: number
  chunkCount: number
  /** The plain bytes of chunk `number`, from 0. @throws IntegrityError */
  read(number: number): Promise<Buffer>
}

/** What is stored is not what was written: a key, a chunk, their order or their number. `contentId` says where. */
export class IntegrityError extends Error {
  readonly contentId: string

  constructor(contentId: string, problem: string, cause?: unknown) {
    super(`the content ${contentId} ${problem}`, { cause })
    this.name = 'IntegrityError'
    this.contentId = contentId
  }
}

/** Next bundles may hold two copies of this module: compared by name, not by class. */
export function isIntegrityError(error: unknown): error is IntegrityError {
  return error instanceof Error && error.name === 'IntegrityError' && 'contentId' in error
}

export function chunkCountOf(sizeBytes: number): number {
  return Math.max(1, Math.ceil(sizeBytes / CHUNK_BYTES))
}

/** Where the key of a file is sealed; an upload's is sealed there already. */
export function fileKeyPlace(fileId: string): StoredContent['keyPlace'] {
  return ['file', 'file_key', fileId]
}

/** A new key for one content, and its form under the organisation's data key for the row that holds it. */
export function makeContentKey(
  vault: TenantVault,
  keyPlace: StoredContent['keyPlace'],
): { key: Buffer; wrapped: Uint8Array<ArrayBuffer> } {
  const key = randomBytes(FILE_KEY_BYTES)
  return { key, wrapped: new Uint8Array(vault.seal(key, ...keyPlace)) }
}

/** The key of one content, sealed anew for another row: how a derived file gets a key of its own over the same chunks. @throws IntegrityError */
export function rewrapContentKey(
  vault: TenantVault,
  stored: Pick<StoredContent, 'contentId' | 'wrapped' | 'keyPlace'>,
  keyPlace: StoredContent['keyPlace'],
): Uint8Array<ArrayBuffer> {
  return new Uint8Array(vault.seal(openContentKey(vault, stored), ...keyPlace))
}

/** @throws IntegrityError */
export function openContentKey(
  vault: TenantVault,
  { contentId, wrapped, keyPlace }: Pick<StoredContent, 'contentId' | 'wrapped' | 'keyPlace'>,
): Buffer {
  try {
    return vault.open(wrapped, ...keyPlace)
  } catch (cause) {
    // Our own picture of the keys is old: that says nothing about the content.
    if (staleKeysIn(cause)) throw cause
    throw new IntegrityError(contentId, `does not open: its key was made for another place or altered`, cause)
  }
}

/** Seals one chunk. Tenant, content, number and end are authenticated: chunks swapped, moved, dropped or cut off do not open. */
export function sealChunk(key: Uint8Array, place: ContentPlace, chunk: Chunk): Buffer {
  return encrypt(key, chunk.plain, chunkPlace(place, chunk.number, chunk.isLast))
}

export type Chunk = { number: number; isLast: boolean; plain: Uint8Array }

function chunkPlace({ tenantId, contentId }: ContentPlace, number: number, isLast: boolean): string[] {
  return [tenantId, 'file_chunk', contentId, String(number), isLast ? 'last' : 'more']
}

/** Writes a whole content that is in memory; an empty one has one empty chunk. */
export async function writeChunks(tx: Tx, place: ContentPlace, key: Buffer, content: Uint8Array): Promise<void> {
  const count = chunkCountOf(content.length)
  for (let number = 0; number < count; number++) {
    const plain = content.subarray(number * CHUNK_BYTES, (number + 1) * CHUNK_BYTES)
    const bytes = new Uint8Array(sealChunk(key, place, { number, isLast: number === count - 1, plain }))
    const { tenantId, contentId } = place
    await tx.fileChunk.create({ data: { tenantId, contentId, number, bytes }, select: { number: true } })
  }
}

/** Opens a content: its key now, its chunks as they are read, inside the transaction of `tx`. @throws IntegrityError */
export async function openContent(
  { tx, vault }: { tx: Tx; vault: () => Promise<TenantVault> },
  stored: StoredContent,
): Promise<OpenContent> {
  const key = openContentKey(await vault(), stored)
  const chunkCount = chunkCountOf(stored.sizeBytes)
  const { tenantId, contentId, sizeBytes } = stored
  return {
    sizeBytes,
    chunkCount,
    read: async (number) => {
      const row = await tx.fileChunk.findFirst({ where: { tenantId, contentId, number }, select: { bytes: true } })
      if (!row) throw new IntegrityError(contentId, `lacks its chunk ${number}`)
      return openChunk(key, stored, { number, bytes: row.bytes })
    },
  }
}

/** @throws IntegrityError */
export function openChunk(
  key: Uint8Array,
  { tenantId, contentId, sizeBytes }: ContentPlace & { sizeBytes: number },
  { number, bytes }: { number: number; bytes: Uint8Array },
): Buffer {
  const isLast = number === chunkCountOf(sizeBytes) - 1
  const plain = openSealed(key, { tenantId, contentId }, { number, isLast, bytes })
  const expected = isLast ? sizeBytes - number * CHUNK_BYTES : CHUNK_BYTES
  if (plain.length === expected) return plain
  throw new IntegrityError(contentId, `has ${plain.length} bytes in its chunk ${number}, not ${expected}`)
}

type Sealed = { number: number; isLast: boolean; bytes: Uint8Array }

function openSealed(key: Uint8Array, place: ContentPlace, { number, isLast, bytes }: Sealed): Buffer {
  try {
    return decrypt(key, bytes, chunkPlace(place, number, isLast))
  } catch (cause) {
    throw new IntegrityError(place.contentId, `does not open: its chunk ${number} was moved or altered`, cause)
  }
}

/** A whole content in clear, for small ones. @throws IntegrityError when anything is not what was written */
export async function readChunks(
  context: { tx: Tx; vault: () => Promise<TenantVault> },
  stored: StoredContent & { sha256: Uint8Array },
): Promise<Uint8Array<ArrayBuffer>> {
  const opened = await openContent(context, stored)
  const content = new Uint8Array(opened.sizeBytes)
  for (let number = 0; number < opened.chunkCount; number++)
    content.set(await opened.read(number), number * CHUNK_BYTES)
  if (!sha256(content).equals(stored.sha256)) throw new IntegrityError(stored.contentId, 'is not what was written')
  return content
}

/** Destroys the key of one file, which is its erasure. The ciphertext goes with the last file over it. */
export async function destroyFileKey(sql: Sql, tenantId: string, fileId: string): Promise<void> {
  await sql('UPDATE file SET file_key = NULL WHERE tenant_id = $1::uuid AND id = $2::uuid', [tenantId, fileId])
}

/** Removes the ciphertext of a content that no file has a key to any more. */
export async function removeUnusedChunks(sql: Sql, { tenantId, contentId }: ContentPlace): Promise<void> {
  await sql(
    `DELETE FROM file_chunk c WHERE c.tenant_id = $1::uuid AND c.content_id = $2::uuid
        AND NOT EXISTS (SELECT 1 FROM file f WHERE f.tenant_id = $1::uuid AND f.content_id = $2::uuid AND f.file_key IS NOT NULL)`,
    [tenantId, contentId],
  )
}
