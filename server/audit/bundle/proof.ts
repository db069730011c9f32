import 'server-only'
import { LEAF_RECORD_BYTES } from '#protocol/audit/bundle-leaves.ts'
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
    for (const index of leaves.indexes) for (const range of walk.to(index)) ranges.push(range)
    yield await hashRanges(ranges, size, read)
  }
  yield await hashRanges(walk.rest(), size, read)
}

/** Records one behind the other, and the indexes that stand in them. */
type Leaves = { records: Buffer; indexes: number[] }

async function* batches(records: AsyncIterable<Uint8Array>): AsyncGenerator<Leaves> {
  // A piece is not written to any more once it is given.
  let held: Buffer = Buffer.alloc(0)
  for await (const piece of records) {
    held = held.length === 0 ? Buffer.from(piece.buffer, piece.byteOffset, piece.length) : Buffer.concat([held, piece])
    const whole = Math.floor(held.length / LEAF_RECORD_BYTES)
    let indexes: number[] = []
    let [tile, tiles, first] = [-1, 0, 0]
    for (let n = 0; n < whole; n++) {
      const at = n * LEAF_RECORD_BYTES
      const index = held.readUInt32BE(at) * 2 ** 32 + held.readUInt32BE(at + 4)
      const number = Math.floor(index / TILE_WIDTH)
      if (number !== tile) {
        tile = number
        tiles += 1
      }
      if (tiles > BATCH_TILES) {
        yield { records: held.subarray(first * LEAF_RECORD_BYTES, at), indexes }
        ;[indexes, tiles, first] = [[], 1, n]
      }
      indexes.push(index)
    }
    const end = whole * LEAF_RECORD_BYTES
    if (indexes.length > 0) yield { records: held.subarray(first * LEAF_RECORD_BYTES, end), indexes }
    held = held.subarray(end)
  }
}

async function compareLeaves({ records, indexes }: Leaves, size: number, read: ReadTiles): Promise<void> {
  const numbers = [...new Set(indexes.map((index) => Math.floor(index / TILE_WIDTH)))]
  const wanted = numbers.map((index) => ({ level: 0, index, width: Math.min(TILE_WIDTH, size - index * TILE_WIDTH) }))
  const tiles = await read(wanted)
  const found = new Map(numbers.map((number, n) => [number, tiles[n]]))
  for (const [n, index] of indexes.entries()) {
    const tile = found.get(Math.floor(index / TILE_WIDTH))
    const at = (index % TILE_WIDTH) * HASH_BYTES
    const hashAt = n * LEAF_RECORD_BYTES + LEAF_RECORD_BYTES - HASH_BYTES
    if (
      !tile ||
      at + HASH_BYTES > tile.length ||
      records.compare(tile, at, at + HASH_BYTES, hashAt, hashAt + HASH_BYTES)
    )
      throw new AlteredEntryError(index)
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
