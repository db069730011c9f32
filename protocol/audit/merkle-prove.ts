import { foldRight, HASH_BYTES, nodeHash, TILE_WIDTH } from './merkle.ts'

/**
 * Reads a tile: at least its first `width` hashes. The width is what a tree of the proof's size has, so that a reader may ask
 * for the partial tile or cut the full one.
 */
export type ReadTile = (level: number, index: number, width: number) => Promise<Uint8Array> | Uint8Array

/** The leaves from `low` to `high` (excluded). */
type Range = { readonly low: number; readonly high: number }

/**
 * The inclusion proof of leaf `index` in the tree of `size` leaves, from the leaf's sibling up (RFC 6962 section 2.1.1).
 * Throws a RangeError when there is no such leaf.
 */
export function proveInclusion(index: number, size: number, readTile: ReadTile): Promise<Uint8Array[]> {
  if (!isCount(index) || !isCount(size) || index >= size) throw new RangeError(`no leaf ${index} in a tree of ${size}`)
  return hashRanges(inclusionRanges(index, { low: 0, high: size }), size, readTile)
}

/**
 * The proof that the tree of `to` leaves extends the one of `from` leaves (RFC 6962 section 2.1.2); empty when `from` is 0 or
 * equal to `to`. Throws a RangeError when `from` is larger than `to`.
 */
export function proveConsistency(from: number, to: number, readTile: ReadTile): Promise<Uint8Array[]> {
  if (!isCount(from) || !isCount(to) || from > to)
    throw new RangeError(`a tree of ${to} does not extend one of ${from}`)
  const ranges = from === 0 ? [] : consistencyRanges(from, { low: 0, high: to })
  return hashRanges(ranges, to, readTile)
}

/** The root of the tree of `size` leaves, computed from tiles; `size` is at least 1. */
export async function rootFromTiles(size: number, readTile: ReadTile): Promise<Uint8Array> {
  const [root] = await hashRanges([{ low: 0, high: size }], size, readTile)
  if (root === undefined) throw new RangeError('an empty tree has no tiles')
  return root
}

function inclusionRanges(index: number, { low, high }: Range): Range[] {
  if (high - low === 1) return []
  const split = low + largestPowerBelow(high - low)
  return index < split
    ? [...inclusionRanges(index, { low, high: split }), { low: split, high }]
    : [...inclusionRanges(index, { low: split, high }), { low, high: split }]
}

function consistencyRanges(from: number, { low, high }: Range): Range[] {
  // Only the subtree that is the old tree itself needs no hash: the verifier has its root.
  if (from === high) return low === 0 ? [] : [{ low, high }]
  const split = low + largestPowerBelow(high - low)
  return from <= split
    ? [...consistencyRanges(from, { low, high: split }), { low: split, high }]
    : [...consistencyRanges(from, { low: split, high }), { low, high: split }]
}

async function hashRanges(ranges: readonly Range[], size: number, readTile: ReadTile): Promise<Uint8Array[]> {
  const tiles = new TileReader(size, readTile)
  return Promise.all(ranges.map((range) => hashRange(range, tiles)))
}

async function hashRange({ low, high }: Range, tiles: TileReader): Promise<Uint8Array> {
  const nodes: Promise<Uint8Array>[] = []
  for (let at = low; at < high; ) {
    const span = largestPowerUpTo(high - at)
    nodes.push(tiles.node(Math.log2(span), at / span))
    at += span
  }
  const hash = foldRight(await Promise.all(nodes))
  if (hash === undefined) throw new RangeError('an empty range has no hash')
  return hash
}

/** Reads each tile once for all the nodes of a proof. */
class TileReader {
  readonly #size: number
  readonly #readTile: ReadTile
  readonly #tiles = new Map<string, Promise<Uint8Array>>()

  constructor(size: number, readTile: ReadTile) {
    this.#size = size
    this.#readTile = readTile
  }

  /** The root of the complete subtree of 2^height leaves that is the `index`-th of its height. */
  async node(height: number, index: number): Promise<Uint8Array> {
    const level = Math.floor(height / 8)
    const count = 2 ** (height % 8)
    const first = index * count
    const tile = await this.#tile(level, Math.floor(first / TILE_WIDTH))
    const offset = first % TILE_WIDTH
    const hashes = Array.from({ length: count }, (_, i) =>
      tile.subarray((offset + i) * HASH_BYTES, (offset + i + 1) * HASH_BYTES),
    )
    return completeRoot(hashes)
  }

  #tile(level: number, index: number): Promise<Uint8Array> {
    const key = `${level}/${index}`
    const known = this.#tiles.get(key)
    if (known !== undefined) return known
    const reading = this.#read(level, index)
    this.#tiles.set(key, reading)
    return reading
  }

  async #read(level: number, index: number): Promise<Uint8Array> {
    const width = Math.min(TILE_WIDTH, Math.floor(this.#size / TILE_WIDTH ** level) - index * TILE_WIDTH)
    const bytes = await this.#readTile(level, index, width)
    if (bytes.length >= width * HASH_BYTES) return bytes
    throw new RangeError(`tile ${level}/${index} has ${bytes.length} bytes, ${width * HASH_BYTES} are needed`)
  }
}

function completeRoot(hashes: readonly Uint8Array[]): Uint8Array {
  let row = hashes
  while (row.length > 1) {
    const above: Uint8Array[] = []
    for (let i = 0; i < row.length; i += 2) above.push(nodeHash(row[i] ?? EMPTY, row[i + 1] ?? EMPTY))
    row = above
  }
  return row[0] ?? EMPTY
}

const EMPTY = new Uint8Array(0)

/** The hash that a full tile contributes to the level above. Throws a RangeError unless it holds 256 hashes. */
export function tileRoot(bytes: Uint8Array): Uint8Array {
  if (bytes.length !== TILE_WIDTH * HASH_BYTES) throw new RangeError(`a full tile has 8192 bytes, got ${bytes.length}`)
  return completeRoot(
    Array.from({ length: TILE_WIDTH }, (_, i) => bytes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES)),
  )
}

function largestPowerUpTo(count: number): number {
  let power = 1
  while (power * 2 <= count) power *= 2
  return power
}

function largestPowerBelow(count: number): number {
  return largestPowerUpTo(count - 1)
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
