import type { Singles, TermHash, TermPlaces } from './run.ts'

/** Terms, or pairs of a term and a place, at first. */
const ROOM = 4_096

/**
 * Gathers the places of many terms, each known by a number from 0 on; the places of a term must rise. Pairs in one array, sorted by
 * their terms at the end: an array for each term would be most of the work.
 */
export class Gatherer {
  #pairs = new Int32Array(2 * ROOM)
  #length = 0

  add(number: number, place: number): void {
    if (this.#length === this.#pairs.length) {
      const grown = new Int32Array(2 * this.#pairs.length)
      grown.set(this.#pairs)
      this.#pairs = grown
    }
    this.#pairs[this.#length] = number
    this.#pairs[this.#length + 1] = place
    this.#length += 2
  }

  /** The places of `terms` terms, one after the other, and where those of each term end. */
  gathered(terms: number): { places: Int32Array; ends: Int32Array } {
    const pairs = this.#pairs
    const ends = new Int32Array(terms)
    for (let at = 0; at < this.#length; at += 2) ends[pairs[at] as number] = (ends[pairs[at] as number] as number) + 1
    let sum = 0
    for (let number = 0; number < terms; number++) {
      const count = ends[number] as number
      ends[number] = sum
      sum += count
    }
    const places = new Int32Array(sum)
    for (let at = 0; at < this.#length; at += 2) {
      const number = pairs[at] as number
      const end = ends[number] as number
      places[end] = pairs[at + 1] as number
      ends[number] = end + 1
    }
    return { places, ends }
  }
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

  /** Takes the places from `from` (included) to `to` (excluded). */
  add(hash: TermHash, places: Int32Array, from: number, to: number): void {
    if (to - from > 1) this.terms.push({ hash, places: places.subarray(from, to) })
    else this.addSingle(hash, places[from] as number)
  }

  addSingle(hash: TermHash, place: number): void {
    this.singles.hashes.push(hash)
    this.singles.places.push(place)
  }
}
