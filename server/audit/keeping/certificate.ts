import 'server-only'
import type { Hash } from 'node:crypto'
import { base64Encode, equalBytes, hexDecode } from '#lib/bytes.ts'
import { formatTime } from '#lib/time.ts'
import type { AuditEntry } from '#protocol/audit/entry.ts'
import { HASH_BYTES, TILE_WIDTH } from '#protocol/audit/merkle.ts'
import type { ReadTile } from '#protocol/audit/merkle-prove.ts'
import { type HoldKept, type IndexRange, signPurgeCertificate } from '#protocol/audit/purge-certificate.ts'
import { readSigner } from '../log-key.ts'
import { type Head, leafOf } from '../tree.ts'
import type { ExpiredEntry } from './remove.ts'

/** What was about to be removed is not what the tree says: it stays, as evidence. */
export class AlteredEntry extends Error {
  readonly index: number
  constructor(index: number) {
    super(`the entry ${index} is not the one that the log published`)
    this.index = index
  }
}

/**
 * Adds the leaves of entries that go, as they stand in the tree, to the hash over them. Throws an AlteredEntry where an entry is not
 * its leaf, or is kept as one of another time: it would expire before its own.
 */
export async function addLeaves(hash: Hash, entries: readonly ExpiredEntry[], readTile: ReadTile): Promise<void> {
  let number = -1
  let tile: Uint8Array = new Uint8Array(0)
  for (const { index, at: keptAt, entry } of entries) {
    const wanted = Math.floor(index / TILE_WIDTH)
    if (wanted !== number) [number, tile] = [wanted, await readTile(0, wanted, TILE_WIDTH)]
    const at = (index % TILE_WIDTH) * HASH_BYTES
    const leaf = tile.subarray(at, at + HASH_BYTES)
    if (entry === null || leaf.length !== HASH_BYTES || !equalBytes(leafOf(entry), leaf)) throw new AlteredEntry(index)
    const { recordedAt } = JSON.parse(entry) as AuditEntry
    if (Date.parse(recordedAt) !== keptAt.getTime()) throw new AlteredEntry(index)
    hash.update(leaf)
  }
}

/** A purge as it was recorded. `leaves` is hex. */
export type PurgeRow = {
  id: string
  class: string
  days: number
  removed: readonly IndexRange[]
  events: number
  firstAt: Date
  lastAt: Date
  leaves: string
  holds: readonly HoldKept[]
}

type Certifying = {
  tenantId: string
  purge: PurgeRow
  checkpoint: string
  head: Pick<Head, 'origin' | 'epoch'>
  now: Date
}

/** The signed certificate of a recorded purge. */
export async function certify({ tenantId, purge, checkpoint, head, now }: Certifying): Promise<string> {
  const signer = await readSigner(tenantId, head.epoch)
  if (!signer) throw new Error(`the log key of ${tenantId} is missing: nothing is removed without a certificate`)
  return signPurgeCertificate(
    {
      id: purge.id,
      tenantId,
      origin: head.origin,
      class: purge.class,
      removed: purge.removed,
      count: purge.events,
      firstRecordedAt: formatTime(purge.firstAt),
      lastRecordedAt: formatTime(purge.lastAt),
      leaves: base64Encode(hexDecode(purge.leaves)),
      retentionDays: purge.days,
      holds: purge.holds,
      certifiedAt: formatTime(now),
      checkpoint,
    },
    signer,
  )
}
