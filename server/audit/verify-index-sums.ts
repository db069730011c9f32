import { randomInt } from 'node:crypto'
import { BLOCK } from '#lib/postings/bits.ts'
import type { Places } from '#lib/postings/places.ts'

/**
 * Sums over pairs (term, place), one for each block: two sets of pairs are equal where their sums are. In any order and without
 * keeping a pair. Mixed with numbers that are new for each check, so that nobody can prepare pairs that cancel out.
 */
export class PairSums {
  readonly #sums: Int32Array
  readonly #seeds = Int32Array.from({ length: 4 }, () => randomInt(2 ** 32) | 0)

  constructor(blocks: number) {
    this.#sums = new Int32Array(2 * blocks)
  }

  /** Adds the pairs of a term `times` times: 1 or -1. */
  add(hash: number, places: Places, times: 1 | -1): void {
    const [a = 0, b = 0, c = 0, d = 0] = this.#seeds
    const [low, high] = [hash | 0, Math.floor(hash / 2 ** 32)]
    const first = mix(mix(low ^ a) ^ high ^ b)
    const second = mix(mix(low ^ c) ^ high ^ d)
    const sums = this.#sums
    for (const place of places) {
      const at = 2 * Math.floor(place / BLOCK)
      sums[at] = ((sums[at] ?? 0) + times * mix(first ^ mix(place ^ a))) | 0
      sums[at + 1] = ((sums[at + 1] ?? 0) + times * mix(second ^ mix(place ^ c))) | 0
    }
  }

  /** The blocks of which something was added that was not taken away, or the other way round. */
  differing(): number[] {
    const blocks = Array.from({ length: this.#sums.length / 2 }, (_, block) => block)
    return blocks.filter((block) => this.#sums[2 * block] !== 0 || this.#sums[2 * block + 1] !== 0)
  }
}

/** Every bit of the answer depends on every bit of the number. */
function mix(number: number): number {
  let mixed = Math.imul(number ^ (number >>> 16), 0x7feb352d)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b)
  return mixed ^ (mixed >>> 16)
}
