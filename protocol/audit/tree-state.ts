import { type Bytes, concatBytes } from '#lib/bytes.ts'
import { HASH_BYTES, TILE_WIDTH, type TreeState } from './merkle.ts'

const VERSION = 1
const HEADER_BYTES = 9

/**
 * A tree's state in one value for the database: version (1 byte), size (8 bytes, big-endian), the frontier's hashes, then the
 * edge's hashes level by level. How many of each there are follows from the size; at most 255 × 32 bytes a level.
 */
export function encodeTreeState(state: TreeState): Bytes {
  const header = new Uint8Array(HEADER_BYTES)
  header[0] = VERSION
  new DataView(header.buffer).setBigUint64(1, BigInt(state.size))
  return concatBytes(header, ...state.frontier, ...state.edge)
}

/** The state in a value of `encodeTreeState`. Throws a TypeError when version or length are not what they must be. */
export function decodeTreeState(bytes: Uint8Array): TreeState {
  if (bytes.length < HEADER_BYTES || bytes[0] !== VERSION) throw new TypeError('not a tree state of version 1')
  const size = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(1))
  if (!Number.isSafeInteger(size)) throw new TypeError('a tree state has an impossible size')
  const frontierCount = bitsOf(size)
  const widths = edgeWidths(size)
  const hashes = frontierCount + widths.reduce((sum, width) => sum + width, 0)
  const expected = HEADER_BYTES + hashes * HASH_BYTES
  if (bytes.length !== expected) {
    throw new TypeError(`a tree state of size ${size} has ${expected} bytes, got ${bytes.length}`)
  }
  // One copy: views would keep the database driver's whole buffer alive, and `slice` of a Buffer is a view.
  const hashed = new Uint8Array(bytes)
  let at = HEADER_BYTES
  const take = (count: number) => {
    at += count * HASH_BYTES
    return hashed.subarray(at - count * HASH_BYTES, at)
  }
  const frontier = Array.from({ length: frontierCount }, () => take(1))
  return { size, frontier, edge: widths.map(take) }
}

function bitsOf(size: number): number {
  let bits = 0
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) bits += rest % 2
  return bits
}

function edgeWidths(size: number): number[] {
  const widths: number[] = []
  for (let rest = size; rest > 0; rest = Math.floor(rest / TILE_WIDTH)) widths.push(rest % TILE_WIDTH)
  return widths
}
