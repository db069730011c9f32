import type { Singles, TermHash, TermPlaces } from './run.ts'

/** Terms, or stretches, at first. */
const ROOM = 4_096

/**
 * Gathers the places of many terms, each known by a number from 0 on; the places of a term must rise. Stretches of all terms in one
 * array, sorted by their terms at the end: an array for each term would be most of the work, and most places of most terms follow on another.
 */
export class Gatherer {
  /** A term, where its stretch begins and where it ends, three by three. */
  #stretches = new Int32Array(3 * ROOM)
  #length = 0
  /** Behind the last stretch of each term; 0 where it has none. */
  #lasts = new Int32Array(ROOM)

  /** Places from `from` (included) to `to` (excluded), none of them before one that the term has. */
  add(number: number, from: number, to: number): void {
    if (number >= this.#lasts.length) this.#lasts = grown(this.#lasts, number + 1)
    const last = this.#lasts[number] as number
    if (last > 0 && this.#stretches[last - 1] === from) {
      this.#stretches[last - 1] = to
      return
    }
    if (this.#length === this.#stretches.length) this.#stretches = grown(this.#stretches, this.#length + 3)
    const at = this.#length
    this.#stretches[at] = number
    this.#stretches[at + 1] = from
    this.#stretches[at + 2] = to
    this.#length = at + 3
    this.#lasts[number] = at + 3
  }

  /** The stretches of `terms` terms, one after the other, and where those of each term end. */
  gathered(terms: number): { stretches: Int32Array; ends: Int32Array } {
    const all = this.#stretches
    const ends = new Int32Array(terms)
    for (let at = 0; at < this.#length; at += 3) ends[all[at] as number] = (ends[all[at] as number] as number) + 2
    let sum = 0
    for (let number = 0; number < terms; number++) {
      const length = ends[number] as number
      ends[number] = sum
      sum += length
    }
    const stretches = new Int32Array(sum)
    for (let at = 0; at < this.#length; at += 3) {
      const number = all[at] as number
      const end = ends[number] as number
      stretches[end] = all[at + 1] as number
      stretches[end + 1] = all[at + 2] as number
      ends[number] = end + 2
    }
    return { stretches, ends }
  }
}

/** A copy with room for twice as much, and for `least` at least. */
function grown(array: Int32Array, least: number): Int32Array<ArrayBuffer> {
  const copy = new Int32Array(Math.max(least, 2 * array.length))
  copy.set(array)
  return copy
}

/** Gives terms numbers in the order in which they are met. Their hashes are spread evenly as they are: a table needs no other. */
export class TermNumbers {
  #hashes = new Float64Array(ROOM)
  /** One more than the number of the term there; 0 where none is. */
  #slots = new Int32Array(4 * ROOM)
  #length = 0

  numberOf(hash: TermHash): number {
    const mask = this.#slots.length - 1
    let slot = hash & mask
    for (let known = this.#slots[slot] as number; known !== 0; known = this.#slots[slot] as number) {
      if (this.#hashes[known - 1] === hash) return known - 1
      slot = (slot + 1) & mask
    }
    if (this.#length === this.#hashes.length) {
      this.#grow()
      return this.numberOf(hash)
    }
    this.#hashes[this.#length] = hash
    this.#slots[slot] = ++this.#length
    return this.#length - 1
  }

  /** The hashes by their numbers. */
  hashes(): Float64Array {
    return this.#hashes.subarray(0, this.#length)
  }

  #grow(): void {
    const hashes = new Float64Array(2 * this.#hashes.length)
    hashes.set(this.#hashes)
    this.#hashes = hashes
    this.#slots = new Int32Array(4 * hashes.length)
    const mask = this.#slots.length - 1
    for (let number = 0; number < this.#length; number++) {
      let slot = (hashes[number] as number) & mask
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
      this.#slots[slot] = number + 1
    }
  }
}

/** Terms as `buildRun` takes them, of which those that stand at one place are kept apart. */
export class TermList {
  readonly terms: TermPlaces[] = []
  readonly singles: { hashes: number[]; places: number[] } & Singles = { hashes: [], places: [] }

  /** Takes the stretches that stand in `stretches` from `from` to `to` (excluded). */
  add(hash: TermHash, stretches: Int32Array, from: number, to: number): void {
    const first = stretches[from] as number
    if (to - from === 2 && stretches[from + 1] === first + 1) this.addSingle(hash, first)
    else this.terms.push({ hash, stretches: stretches.subarray(from, to) })
  }

  addSingle(hash: TermHash, place: number): void {
    this.singles.hashes.push(hash)
    this.singles.places.push(place)
  }
}
