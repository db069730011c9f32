import 'server-only'
import { randomBytes } from 'node:crypto'
import type { Sql, Tx } from '#server/kernel/db.ts'
import { decrypt, encrypt, sha256, type TenantVault } from '#server/kernel/keys.ts'

const CHUNK_BYTES = 1024 * 1024
const FILE_KEY_BYTES = 32

type Place = { tenantId: string; fileId: string }

/** Tenant, file, number and end are authenticated: chunks swapped, moved, dropped or cut off do not open. */
function placeOf({ tenantId, fileId }: Place, number: number, isLast: boolean): string[] {
  return [tenantId, 'file_chunk', fileId, String(number), isLast ? 'last' : 'more']
}

/** A new key for one file, and its form under the organisation's data key. */
export function makeFileKey(vault: TenantVault, fileId: string): { key: Buffer; wrapped: Uint8Array<ArrayBuffer> } {
  const key = randomBytes(FILE_KEY_BYTES)
  return { key, wrapped: new Uint8Array(vault.seal(key, 'file', 'file_key', fileId)) }
}

/** Writes the content in chunks of 1 MiB; an empty file has one empty chunk. */
export async function writeChunks(tx: Tx, place: Place, key: Buffer, content: Uint8Array): Promise<void> {
  const count = Math.max(1, Math.ceil(content.length / CHUNK_BYTES))
  for (let number = 0; number < count; number++) {
    const plain = content.subarray(number * CHUNK_BYTES, (number + 1) * CHUNK_BYTES)
    const bytes = new Uint8Array(encrypt(key, plain, placeOf(place, number, number === count - 1)))
    await tx.fileChunk.create({
      data: { tenantId: place.tenantId, fileId: place.fileId, number, bytes },
      select: { number: true },
    })
  }
}

type Stored = { wrapped: Uint8Array; sha256: Uint8Array; sizeBytes: number }

/** The whole content in clear. @throws Error when a key, a chunk, their order or their number is not what was written */
export async function readChunks(
  tx: Tx,
  vault: TenantVault,
  place: Place,
  stored: Stored,
): Promise<Uint8Array<ArrayBuffer>> {
  const { tenantId, fileId } = place
  const key = vault.open(stored.wrapped, 'file', 'file_key', fileId)
  const content = new Uint8Array(stored.sizeBytes)
  const count = Math.max(1, Math.ceil(stored.sizeBytes / CHUNK_BYTES))
  for (let number = 0; number < count; number++) {
    const row = await tx.fileChunk.findFirst({ where: { tenantId, fileId, number }, select: { bytes: true } })
    if (!row) throw new Error(`the file ${fileId} lacks its chunk ${number}`)
    const plain = decrypt(key, row.bytes, placeOf(place, number, number === count - 1))
    if (number * CHUNK_BYTES + plain.length > content.length)
      throw new Error(`the file ${fileId} is longer than it was written`)
    content.set(plain, number * CHUNK_BYTES)
  }
  if (!sha256(content).equals(stored.sha256)) throw new Error(`the file ${fileId} is not what was written`)
  return content
}

/** Destroys the key, which is the erasure, and removes the ciphertext. */
export async function destroyContent(sql: Sql, { tenantId, fileId }: Place): Promise<void> {
  await sql(`UPDATE file SET file_key = NULL WHERE tenant_id = $1::uuid AND id = $2::uuid`, [tenantId, fileId])
  await sql(`DELETE FROM file_chunk WHERE tenant_id = $1::uuid AND file_id = $2::uuid`, [tenantId, fileId])
}
