import { type Bytes, concatBytes } from '#lib/bytes.ts'
import { HASH_BYTES, TILE_WIDTH } from './merkle.ts'

/** Where a tile or an entry bundle lies below a log's prefix (c2sp.org/tlog-tiles); `level` is `entries` for a bundle. */
export type TilePath = { readonly level: number | 'entries'; readonly index: number; readonly width: number }

const MAX_LEVEL = 63
const PATTERN = /^tile\/(entries|0|[1-9]\d?)\/((?:x\d{3}\/)*\d{3})(?:\.p\/([1-9]\d{0,2}))?$/

/** The path, like `tile/0/x001/x234/067` or `tile/entries/000.p/12`, without a leading slash. */
export function formatTilePath({ level, index, width }: TilePath): string {
  const path = `tile/${level}/${formatTileIndex(index)}`
  return width === TILE_WIDTH ? path : `${path}.p/${width}`
}

/** The tile that a path names; null for anything but the one spelling that `formatTilePath` writes. */
export function parseTilePath(path: string): TilePath | null {
  const [, first, digits, partial] = PATTERN.exec(path) ?? []
  if (first === undefined || digits === undefined) return null
  const level: TilePath['level'] = first === 'entries' ? first : Number(first)
  const index = Number(digits.replaceAll(/[x/]/g, ''))
  const width = partial === undefined ? TILE_WIDTH : Number(partial)
  if ((level !== 'entries' && level > MAX_LEVEL) || !Number.isSafeInteger(index)) return null
  const tile: TilePath = { level, index, width }
  // Catches leading zeroes (x000/001) and the width 256, which a full tile does not state.
  return formatTilePath(tile) === path && (partial === undefined || width < TILE_WIDTH) ? tile : null
}

function formatTileIndex(index: number): string {
  const groups = [String(index % 1000).padStart(3, '0')]
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    groups.unshift(`x${String(rest % 1000).padStart(3, '0')}`)
  }
  return groups.join('/')
}

/** How many hashes (or entries) tile `index` of `level` has in a tree of `size` leaves; 0 when there is no such tile. */
export function tileWidth(level: number | 'entries', index: number, size: number): number {
  const hashes = Math.floor(size / TILE_WIDTH ** (level === 'entries' ? 0 : level))
  return Math.max(0, Math.min(TILE_WIDTH, hashes - index * TILE_WIDTH))
}

/** The hashes of a tile's bytes. Throws a RangeError when they are not `width` whole hashes. */
export function splitTile(bytes: Uint8Array, width: number): readonly Uint8Array[] {
  if (bytes.length !== width * HASH_BYTES) {
    throw new RangeError(`a tile of ${width} hashes has ${width * HASH_BYTES} bytes, got ${bytes.length}`)
  }
  return Array.from({ length: width }, (_, i) => bytes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES))
}

/** An entry bundle: each entry behind its length in two bytes, big-endian. Throws a RangeError above 65,535 bytes an entry. */
export function encodeBundle(entries: readonly Uint8Array[]): Bytes {
  const parts = entries.flatMap((entry) => {
    if (entry.length > 0xffff) throw new RangeError(`an entry has at most 65535 bytes, got ${entry.length}`)
    return [Uint8Array.of(entry.length >>> 8, entry.length & 0xff), entry]
  })
  return concatBytes(...parts)
}

/** The entries of a bundle. Throws a RangeError when it ends in the middle of one. */
export function decodeBundle(bytes: Uint8Array): readonly Uint8Array[] {
  const entries: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const start = at + 2
    const end = start + (((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0))
    if (start > bytes.length || end > bytes.length)
      throw new RangeError(`the bundle ends within entry ${entries.length}`)
    entries.push(bytes.subarray(start, end))
    at = end
  }
  return entries
}
