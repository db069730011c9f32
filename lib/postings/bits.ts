/** Places in one block. */
export const BLOCK = 32_768
const WORDS = BLOCK / 32

/** A set of places of one block: a bit each. */
export type Bits = Uint32Array

export function noBits(): Bits {
  return new Uint32Array(WORDS)
}

/** Adds the places `from` (included) to `to` (excluded). */
export function addRange(bits: Bits, from: number, to: number): void {
  if (to <= from) return
  const first = from >>> 5
  const last = (to - 1) >>> 5
  const head = (0xffffffff << (from & 31)) >>> 0
  const tail = 0xffffffff >>> (31 - ((to - 1) & 31))
  if (first === last) {
    bits[first] = ((bits[first] ?? 0) | (head & tail)) >>> 0
    return
  }
  bits[first] = ((bits[first] ?? 0) | head) >>> 0
  bits.fill(0xffffffff, first + 1, last)
  bits[last] = ((bits[last] ?? 0) | tail) >>> 0
}

export function addPlace(bits: Bits, place: number): void {
  const word = place >>> 5
  bits[word] = ((bits[word] ?? 0) | (1 << (place & 31))) >>> 0
}

export function hasPlace(bits: Bits, place: number): boolean {
  return (((bits[place >>> 5] ?? 0) >>> (place & 31)) & 1) === 1
}

/** Keeps in `bits` what is in `other`, too. */
export function intersect(bits: Bits, other: Bits): void {
  for (let n = 0; n < WORDS; n++) bits[n] = (bits[n] as number) & (other[n] as number)
}

/** Adds to `bits` what is in `other`. */
export function unite(bits: Bits, other: Bits): void {
  for (let n = 0; n < WORDS; n++) bits[n] = (bits[n] as number) | (other[n] as number)
}

/** Takes from `bits` what is in `other`. */
export function subtract(bits: Bits, other: Bits): void {
  for (let n = 0; n < WORDS; n++) bits[n] = (bits[n] as number) & ~(other[n] as number)
}

export function isEmpty(bits: Bits): boolean {
  for (let n = 0; n < WORDS; n++) if (bits[n] !== 0) return false
  return true
}

export function countBits(bits: Bits): number {
  let count = 0
  for (let n = 0; n < WORDS; n++) count += countWord(bits[n] as number)
  return count
}

/** How many of both are in common, in the places `from` to `to` of a block. */
export function countCommon(bits: Bits, other: Bits): number {
  let count = 0
  for (let n = 0; n < WORDS; n++) count += countWord((bits[n] as number) & (other[n] as number))
  return count
}

/** How many places of `from` (included) to `to` (excluded) are set. */
export function countRange(bits: Bits, from: number, to: number): number {
  if (to <= from) return 0
  const first = from >>> 5
  const last = (to - 1) >>> 5
  const head = (0xffffffff << (from & 31)) >>> 0
  const tail = 0xffffffff >>> (31 - ((to - 1) & 31))
  if (first === last) return countWord((bits[first] as number) & head & tail)
  let count = countWord((bits[first] as number) & head) + countWord((bits[last] as number) & tail)
  for (let n = first + 1; n < last; n++) count += countWord(bits[n] as number)
  return count
}

function countWord(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555)
  const fours = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333)
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}

/** The places in the set, ascending. */
export function placesOf(bits: Bits): number[] {
  const places: number[] = []
  for (let n = 0; n < WORDS; n++) {
    let word = bits[n] as number
    while (word !== 0) {
      const low = word & -word
      places.push(32 * n + 31 - Math.clz32(low))
      word ^= low
    }
  }
  return places
}

/** Takes the first `most` places out of the set, or the last ones, and answers them in that order. */
export function takePlaces(bits: Bits, most: number, end: 'first' | 'last'): number[] {
  const taken: number[] = []
  for (let n = 0; n < WORDS && taken.length < most; n++) {
    const at = end === 'first' ? n : WORDS - 1 - n
    let word = bits[at] as number
    while (word !== 0 && taken.length < most) {
      const bit = end === 'first' ? 31 - Math.clz32(word & -word) : 31 - Math.clz32(word)
      taken.push(32 * at + bit)
      word ^= 1 << bit
    }
    bits[at] = word >>> 0
  }
  return taken
}
