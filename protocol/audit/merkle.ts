import { type Bytes, concatBytes } from '#lib/bytes.ts'
import { sha256, sha256Text } from './sha256.ts'

/** Bytes of one hash. */
export const HASH_BYTES = 32
/** Hashes in a full tile, which is a subtree of height 8. */
export const TILE_WIDTH = 256

const NODE_PREFIX = 1

// Hashing is synchronous: one room for the input serves every call.
let leafInput = new Uint8Array(4_096)
const nodeInput = new Uint8Array(1 + 2 * HASH_BYTES)
nodeInput[0] = NODE_PREFIX

/** RFC 6962 section 2.1 hash of a leaf: SHA-256 of 0x00 and the entry. */
export function leafHash(entry: Uint8Array): Uint8Array {
  if (entry.length >= leafInput.length) leafInput = new Uint8Array(2 * entry.length)
  leafInput.set(entry, 1)
  return sha256(leafInput.subarray(0, entry.length + 1))
}

/** The same of an entry's text: no bytes are made of it. */
export function leafHashOfText(text: string): Uint8Array {
  return sha256Text(`\0${text}`)
}

/** The same, and the text in one piece: of what was just put together from parts, whoever reads it would put it together anew. */
export function leafOfText(text: string): { hash: Uint8Array; text: string } {
  const input = `\0${text}`
  return { hash: sha256Text(input), text: input.slice(1) }
}

/** RFC 6962 section 2.1 hash of an inner node: SHA-256 of 0x01, left and right. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  // Nothing of an earlier call may stay in the room.
  if (left.length !== HASH_BYTES || right.length !== HASH_BYTES)
    throw new RangeError('a node has two hashes of 32 bytes')
  nodeInput.set(left, 1)
  nodeInput.set(right, 1 + HASH_BYTES)
  return sha256(nodeInput)
}

/** The root of a tree without leaves: SHA-256 of nothing. */
export const EMPTY_ROOT: Uint8Array = sha256(new Uint8Array(0))

/**
 * All that a writer keeps of a tree: its size, the roots of its complete subtrees from left to right (one for each bit of the
 * size), and for every tile level the hashes of the tile that is not full yet, lowest level first.
 */
export type TreeState = {
  readonly size: number
  readonly frontier: readonly Uint8Array[]
  readonly edge: readonly Uint8Array[]
}

/** A tile: `width` hashes of tile `index` at `level` (c2sp.org/tlog-tiles); full tiles hold 256 hashes, 8,192 bytes. */
export type Tile = { readonly level: number; readonly index: number; readonly width: number; readonly bytes: Bytes }

/** The state of a tree without leaves. */
export function emptyTree(): TreeState {
  return { size: 0, frontier: [], edge: [] }
}

/**
 * Appends leaf hashes in order; pure, the old state stays valid. `fullTiles` holds every tile that became full, at all levels,
 * each of them exactly once in the life of a tree.
 */
export function appendLeaves(
  state: TreeState,
  leafHashes: readonly Uint8Array[],
): { state: TreeState; fullTiles: readonly Tile[] } {
  const growing = new GrowingTree(state)
  for (const hash of leafHashes) growing.append(hash)
  return { state: growing.state(), fullTiles: growing.fullTiles }
}

/** The root hash of the tree (RFC 6962 section 2.1). */
export function rootOf(state: TreeState): Uint8Array {
  return foldRight(state.frontier) ?? EMPTY_ROOT
}

/** The tiles at the right edge that are not full, one for each level that has any; what a server publishes beside full ones. */
export function partialTiles(state: TreeState): readonly Tile[] {
  const tiles: Tile[] = []
  for (const [level, hashes] of state.edge.entries()) {
    const width = hashes.length / HASH_BYTES
    const index = Math.floor(state.size / TILE_WIDTH ** (level + 1))
    if (width > 0) tiles.push({ level, index, width, bytes: concatBytes(hashes) })
  }
  return tiles
}

/** Root of complete subtrees from left to right, each larger than the next; undefined for none. */
export function foldRight(hashes: readonly Uint8Array[]): Uint8Array | undefined {
  let root: Uint8Array | undefined
  for (const hash of hashes.toReversed()) root = root === undefined ? hash : nodeHash(hash, root)
  return root
}

class GrowingTree {
  readonly fullTiles: Tile[] = []
  #size: number
  readonly #frontier: Uint8Array[]
  readonly #edge: { bytes: Bytes; width: number }[]

  constructor(state: TreeState) {
    this.#size = state.size
    this.#frontier = [...state.frontier]
    this.#edge = state.edge.map((hashes) => ({ bytes: roomFor(hashes), width: hashes.length / HASH_BYTES }))
  }

  append(leaf: Uint8Array): void {
    if (leaf.length !== HASH_BYTES) throw new RangeError(`a leaf hash has ${HASH_BYTES} bytes, got ${leaf.length}`)
    let hash = leaf
    this.#place(0, hash)
    // Each trailing one of the size is a complete subtree that the new leaf joins, as in a binary counter.
    let rest = this.#size
    for (let height = 1; rest % 2 === 1; height++) {
      const left = this.#frontier.pop()
      if (left === undefined) throw new RangeError('the frontier has fewer hashes than the size has bits')
      hash = nodeHash(left, hash)
      rest = (rest - 1) / 2
      if (height % 8 === 0) this.#place(height / 8, hash)
    }
    this.#frontier.push(hash)
    this.#size++
  }

  #place(level: number, hash: Uint8Array): void {
    const tile = this.#edge[level] ?? { bytes: roomFor(new Uint8Array(0)), width: 0 }
    this.#edge[level] = tile
    tile.bytes.set(hash, tile.width * HASH_BYTES)
    tile.width++
    if (tile.width < TILE_WIDTH) return
    const index = Math.floor(this.#size / TILE_WIDTH ** (level + 1))
    this.fullTiles.push({ level, index, width: TILE_WIDTH, bytes: tile.bytes })
    this.#edge[level] = { bytes: roomFor(new Uint8Array(0)), width: 0 }
  }

  state(): TreeState {
    const edge = this.#edge.map(({ bytes, width }) => bytes.slice(0, width * HASH_BYTES))
    return { size: this.#size, frontier: this.#frontier, edge }
  }
}

function roomFor(hashes: Uint8Array): Bytes {
  const bytes = new Uint8Array(TILE_WIDTH * HASH_BYTES)
  bytes.set(hashes)
  return bytes
}
