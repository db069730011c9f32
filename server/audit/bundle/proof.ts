import 'server-only'
import { equalBytes } from '#lib/bytes.ts'
import { LEAF_RECORD_BYTES } from '#protocol/audit/bundle-verify.ts'
import { HASH_BYTES, TILE_WIDTH } from '#protocol/audit/merkle.ts'
import {
  hashRanges,
  type LeafRange,
  MultiproofWalk,
  type ReadTiles,
  type TileWanted,
} from '#protocol/audit/multiproof.ts'
import { pgTransaction, type Sql } from '#server/kernel/db.ts'
import { type Head, readHead } from '../tree.ts'

/** An entry that was altered in the database: what is stored does not hash to its leaf in the tree. */
export class AlteredEntryError extends Error {
  readonly index: number
  constructor(index: number) {
    super(`entry ${index} is not the one that was recorded: it does not hash to its leaf in the tree`)
    this.name = 'AlteredEntryError'
    this.index = index
  }
}

/** Next bundles may hold two copies of this module: compared by name, not by class. */
export function isAlteredEntry(error: unknown): error is AlteredEntryError {
  return error instanceof Error && error.name === 'AlteredEntryError' && 'index' in error
}

/** Leaves that are proven at once lie in so many tiles at most: two mebibytes of them, and as much again of higher ones. */
const BATCH_TILES = 256

/**
 * The multiproof of the leaves in `records` (member `leaves`) for the tree of `size`, in pieces. Each leaf is compared with the tree
 * on the way. @throws AlteredEntryError · RangeError where tiles are missing
 */
export async function* proveLeaves(
  tenantId: string,
  size: number,
  records: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const head = await pgTransaction('reader', tenantId, (_client, sql) => readHead(sql, tenantId))
  const read: ReadTiles = (wanted) =>
    pgTransaction('reader', tenantId, (_client, sql) => readTiles(sql, tenantId, head, wanted))
  const walk = new MultiproofWalk(size)
  for await (const leaves of batches(records)) {
    await compareLeaves(leaves, size, read)
    const ranges: LeafRange[] = []
    for (const { index } of leaves) for (const range of walk.to(index)) ranges.push(range)
    yield await hashRanges(ranges, size, read)
  }
  yield await hashRanges(walk.rest(), size, read)
}

type Leaf = { index: number; hash: Uint8Array }

async function* batches(records: AsyncIterable<Uint8Array>): AsyncGenerator<Leaf[]> {
  let held = Buffer.alloc(0)
  for await (const piece of records) {
    held = held.length === 0 ? Buffer.from(piece) : Buffer.concat([held, piece])
    const whole = Math.floor(held.length / LEAF_RECORD_BYTES)
    let leaves: Leaf[] = []
    let [tile, tiles] = [-1, 0]
    for (let n = 0; n < whole; n++) {
      const at = n * LEAF_RECORD_BYTES
      const index = Number(held.readBigUInt64BE(at))
      if (Math.floor(index / TILE_WIDTH) !== tile) {
        tile = Math.floor(index / TILE_WIDTH)
        tiles += 1
      }
      if (tiles > BATCH_TILES) {
        yield leaves
        ;[leaves, tiles] = [[], 1]
      }
      leaves.push({ index, hash: held.subarray(at + 8, at + LEAF_RECORD_BYTES) })
    }
    if (leaves.length > 0) yield leaves
    held = held.subarray(whole * LEAF_RECORD_BYTES)
  }
}

async function compareLeaves(leaves: readonly Leaf[], size: number, read: ReadTiles): Promise<void> {
  const numbers = [...new Set(leaves.map(({ index }) => Math.floor(index / TILE_WIDTH)))]
  const wanted = numbers.map((index) => ({ level: 0, index, width: Math.min(TILE_WIDTH, size - index * TILE_WIDTH) }))
  const tiles = await read(wanted)
  const found = new Map(numbers.map((number, n) => [number, tiles[n]]))
  for (const { index, hash } of leaves) {
    const at = (index % TILE_WIDTH) * HASH_BYTES
    const leaf = found.get(Math.floor(index / TILE_WIDTH))?.subarray(at, at + HASH_BYTES)
    if (!leaf || !equalBytes(leaf, hash)) throw new AlteredEntryError(index)
  }
}

/** Many tiles in one statement; those at the edge stand in the head. Index: the primary key. */
async function readTiles(
  sql: Sql,
  tenantId: string,
  head: Head,
  wanted: readonly TileWanted[],
): Promise<readonly Uint8Array[]> {
  const isFull = ({ level, index }: TileWanted) => index < Math.floor(head.size / TILE_WIDTH ** (level + 1))
  const stored = wanted.filter(isFull)
  const rows =
    stored.length === 0
      ? []
      : await sql<{ level: number; number: string; hashes: string }>(
          `SELECT t.level, t.number::text, encode(t.hashes, 'hex') AS hashes
             FROM unnest($2::smallint[], $3::bigint[]) w(level, number)
             JOIN audit_tile t ON t.tenant_id = $1::uuid AND t.level = w.level AND t.number = w.number`,
          [tenantId, stored.map(({ level }) => level), stored.map(({ index }) => String(index))],
        )
  const found = new Map(rows.map(({ level, number, hashes }) => [`${level}/${number}`, Buffer.from(hashes, 'hex')]))
  return wanted.map((tile) => {
    const bytes = isFull(tile) ? found.get(`${tile.level}/${tile.index}`) : head.tree.edge[tile.level]
    return (bytes ?? new Uint8Array(0)).subarray(0, tile.width * HASH_BYTES)
  })
}
