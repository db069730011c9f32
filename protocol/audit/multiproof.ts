import { concatBytes, equalBytes } from '#lib/bytes.ts'
import { EMPTY_ROOT, foldRight, HASH_BYTES, nodeHash, TILE_WIDTH } from './merkle.ts'

/** The leaves from `low` to `high` (excluded). */
export type LeafRange = { readonly low: number; readonly high: number }

/**
 * Walks over chosen leaves from left to right and names the largest subtrees (RFC 6962) between them that hold none of them: their
 * hashes, in this order, are the multiproof. Throws a RangeError on an index that is out of order or out of the tree.
 */
export class MultiproofWalk {
  readonly size: number
  #at = 0

  constructor(size: number) {
    if (!isCount(size)) throw new RangeError(`${size} is not a tree size`)
    this.size = size
  }

  /** The subtrees between the leaf before and leaf `index`. */
  to(index: number): LeafRange[] {
    if (!isCount(index) || index < this.#at || index >= this.size)
      throw new RangeError(`leaf ${index} is not one of ${this.#at} to ${this.size - 1}`)
    const ranges: LeafRange[] = []
    for (let low = this.#at; low < index; ) {
      const high = low + Math.min(alignmentOf(low), largestPowerUpTo(index - low))
      ranges.push({ low, high })
      low = high
    }
    this.#at = index + 1
    return ranges
  }

  /** The subtrees behind the last leaf; the one at the right edge may be incomplete. */
  rest(): LeafRange[] {
    const ranges: LeafRange[] = []
    for (let low = this.#at; low < this.size; ) {
      const high = Math.min(this.size, low + alignmentOf(low))
      ranges.push({ low, high })
      low = high
    }
    this.#at = this.size
    return ranges
  }
}

/** A tile as `readTile` of merkle-prove.ts has it. */
export type TileWanted = { readonly level: number; readonly index: number; readonly width: number }
/** Reads many tiles at once, in the order asked for: at least their first `width` hashes. */
export type ReadTiles = (wanted: readonly TileWanted[]) => Promise<readonly Uint8Array[]>

/** The hashes of subtrees of a tree of `size` leaves, one after another, from its tiles. Throws a RangeError when one is too short. */
export async function hashRanges(
  ranges: readonly LeafRange[],
  size: number,
  readTiles: ReadTiles,
): Promise<Uint8Array<ArrayBuffer>> {
  const wanted = new Map<string, TileWanted>()
  const nodes = ranges.map((range) => nodesOf(range))
  for (const { level, tile } of nodes.flat()) {
    const width = Math.min(TILE_WIDTH, Math.floor(size / TILE_WIDTH ** level) - tile * TILE_WIDTH)
    wanted.set(`${level}/${tile}`, { level, index: tile, width })
  }
  const tiles = [...wanted.values()]
  const read = tiles.length === 0 ? [] : await readTiles(tiles)
  const bytes = new Map(
    tiles.map(({ level, index, width }, n) => {
      const found = read[n] ?? EMPTY
      if (found.length < width * HASH_BYTES)
        throw new RangeError(`tile ${level}/${index} has ${found.length} bytes, ${width * HASH_BYTES} are needed`)
      return [`${level}/${index}`, found]
    }),
  )
  const hashOf = ({ level, tile, first, count }: Node) =>
    completeRoot((bytes.get(`${level}/${tile}`) ?? EMPTY).subarray(first * HASH_BYTES, (first + count) * HASH_BYTES))
  return concatBytes(...nodes.map((parts) => foldRight(parts.map(hashOf)) ?? EMPTY_ROOT))
}

/**
 * Computes the root that chosen leaves and their multiproof lead to, leaf by leaf, keeping one hash for each level of the tree.
 * Throws a RangeError when the proof is too short or too long, or the leaves are not in order.
 */
export class MultiproofVerification {
  readonly #walk: MultiproofWalk
  readonly #proof: HashReader
  readonly #stack: { hash: Uint8Array; span: number }[] = []

  constructor(size: number, proof: AsyncIterable<Uint8Array>) {
    this.#walk = new MultiproofWalk(size)
    this.#proof = new HashReader(proof)
  }

  /** Takes the next leaves, ascending by index. */
  async take(leaves: readonly { readonly index: number; readonly leaf: Uint8Array }[]): Promise<void> {
    for (const { index, leaf } of leaves) {
      for (const range of this.#walk.to(index)) await this.#takeHash(range)
      this.#push(leaf, 1, index)
    }
  }

  /** Whether all of it leads to `root`. No leaf may be missing by now. */
  async leadsTo(root: Uint8Array): Promise<boolean> {
    const isEmpty = this.#walk.size === 0
    for (const range of this.#walk.rest()) await this.#takeHash(range)
    if (!(await this.#proof.isAtEnd())) throw new RangeError('the proof has more hashes than it needs')
    const found = isEmpty ? EMPTY_ROOT : foldRight(this.#stack.map(({ hash }) => hash))
    return found !== undefined && equalBytes(found, root)
  }

  async #takeHash({ low, high }: LeafRange): Promise<void> {
    // A complete subtree joins its neighbour; the one at the right edge stays by itself until the root.
    this.#push((await this.#proof.next()).slice(), high - low, low)
  }

  #push(hash: Uint8Array, span: number, low: number): void {
    let joined = hash
    let width = span
    let start = low
    for (
      let left = this.#stack.at(-1);
      left?.span === width && start % (2 * width) === width;
      left = this.#stack.at(-1)
    ) {
      this.#stack.pop()
      joined = nodeHash(left.hash, joined)
      start -= width
      width *= 2
    }
    this.#stack.push({ hash: joined, span: width })
  }
}

/** Hashes of 32 bytes out of pieces of any length. */
class HashReader {
  readonly #pieces: AsyncIterator<Uint8Array>
  #held: Uint8Array = EMPTY
  #at = 0

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]()
  }

  next(): Uint8Array | Promise<Uint8Array> {
    const end = this.#at + HASH_BYTES
    if (end > this.#held.length) return this.#refill()
    const hash = this.#held.subarray(this.#at, end)
    this.#at = end
    return hash
  }

  async isAtEnd(): Promise<boolean> {
    while (this.#at === this.#held.length) if (!(await this.#more())) return true
    return false
  }

  async #refill(): Promise<Uint8Array> {
    while (this.#held.length - this.#at < HASH_BYTES)
      if (!(await this.#more())) throw new RangeError('the proof has fewer hashes than it needs')
    return this.next()
  }

  async #more(): Promise<boolean> {
    const { value, done } = await this.#pieces.next()
    if (done) return false
    this.#held = this.#at === this.#held.length ? value : concatBytes(this.#held.subarray(this.#at), value)
    this.#at = 0
    return true
  }
}

type Node = { level: number; tile: number; first: number; count: number }

/** The complete subtrees that make up a range, each as the hashes of a tile that it covers. */
function nodesOf({ low, high }: LeafRange): Node[] {
  const nodes: Node[] = []
  for (let at = low; at < high; ) {
    const span = largestPowerUpTo(high - at)
    const height = Math.log2(span)
    const level = Math.floor(height / 8)
    const count = 2 ** (height % 8)
    const first = (at / span) * count
    const tile = Math.floor(first / TILE_WIDTH)
    nodes.push({ level, tile, first: first - tile * TILE_WIDTH, count })
    at += span
  }
  return nodes
}

function completeRoot(hashes: Uint8Array): Uint8Array {
  let row = hashes
  while (row.length > HASH_BYTES) {
    const above = new Uint8Array(row.length / 2)
    for (let at = 0; at < above.length; at += HASH_BYTES)
      above.set(
        nodeHash(row.subarray(2 * at, 2 * at + HASH_BYTES), row.subarray(2 * at + HASH_BYTES, 2 * at + 2 * HASH_BYTES)),
        at,
      )
    row = above
  }
  return row
}

const EMPTY = new Uint8Array(0)
const HALF = 2 ** 31

/** The largest power of two that divides `at`; of 0 it is infinite: every subtree begins there. */
function alignmentOf(at: number): number {
  if (at === 0) return Number.POSITIVE_INFINITY
  const low = at % HALF
  // The bit operators know 32 bits.
  return low === 0 ? HALF * alignmentOf(at / HALF) : (low & -low) >>> 0
}

function largestPowerUpTo(count: number): number {
  const power = 2 ** Math.floor(Math.log2(count))
  // The logarithm of a large number is rounded.
  return power > count ? power / 2 : power * 2 <= count ? power * 2 : power
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
