import { BUNDLE_MEMBERS, BundleError } from './bundle.ts'
import { HASH_BYTES } from './merkle.ts'

/** Bytes of one event in the member `leaves`: the index, big-endian, and the leaf's hash. */
export const LEAF_RECORD_BYTES = 8 + HASH_BYTES

/** An event of the bundle as it stands in the log: its place and its leaf's hash. */
export type Leaf = { index: number; hash: Uint8Array }

/** Reads the member `leaves`. @throws BundleError bundle_malformed where it ends within an event */
export class LeafReader {
  readonly #pieces: AsyncIterator<Uint8Array>
  #waiting: Leaf[] = []
  #at = 0
  #held = new Uint8Array(0)

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]()
  }

  /** The next leaf; null behind the last. */
  async next(): Promise<Leaf | null> {
    if (this.#at >= this.#waiting.length) {
      this.#waiting = await this.batch()
      this.#at = 0
    }
    return this.#waiting[this.#at++] ?? null
  }

  /** Some more leaves; none behind the last. */
  async batch(): Promise<Leaf[]> {
    for (;;) {
      const { value, done } = await this.#pieces.next()
      if (done) {
        if (this.#held.length > 0)
          throw new BundleError('bundle_malformed', BUNDLE_MEMBERS.leaves, 'ends within an event')
        return []
      }
      const bytes = new Uint8Array(this.#held.length + value.length)
      bytes.set(this.#held)
      bytes.set(value, this.#held.length)
      const whole = bytes.length - (bytes.length % LEAF_RECORD_BYTES)
      this.#held = bytes.slice(whole)
      if (whole > 0) return readLeaves(bytes.subarray(0, whole))
    }
  }
}

function readLeaves(bytes: Uint8Array): Leaf[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return Array.from({ length: bytes.length / LEAF_RECORD_BYTES }, (_, n) => {
    const at = n * LEAF_RECORD_BYTES
    return { index: Number(view.getBigUint64(at)), hash: bytes.subarray(at + 8, at + LEAF_RECORD_BYTES) }
  })
}
