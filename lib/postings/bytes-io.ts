/** Writes bytes and variable-length numbers into a buffer that grows. */
export class ByteWriter {
  #bytes: Uint8Array
  #length = 0

  constructor(capacity = 64) {
    this.#bytes = new Uint8Array(capacity)
  }

  get length(): number {
    return this.#length
  }

  byte(value: number): void {
    if (this.#length === this.#bytes.length) this.#grow(1)
    this.#bytes[this.#length++] = value
  }

  /** LEB128; `value` is a whole number from 0 to 2⁵³−1. */
  number(value: number): void {
    let rest = value
    while (rest > 0x7f) {
      this.byte((rest % 128) | 0x80)
      rest = Math.floor(rest / 128)
    }
    this.byte(rest)
  }

  bytes(values: Uint8Array): void {
    if (this.#length + values.length > this.#bytes.length) this.#grow(values.length)
    this.#bytes.set(values, this.#length)
    this.#length += values.length
  }

  /** What was written; a copy. */
  done(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  #grow(by: number): void {
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + by))
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = grown
  }
}

/** Of the last byte that a number below 2⁵³ has. */
const LAST_SCALE = 128 ** 7

/** Reads what a `ByteWriter` wrote. @throws RangeError at the end, and on a number that it could not have written */
export class ByteReader {
  readonly #bytes: Uint8Array
  #at: number
  readonly #end: number

  constructor(bytes: Uint8Array, from = 0, to = bytes.length) {
    this.#bytes = bytes
    this.#at = from
    this.#end = to
  }

  get isDone(): boolean {
    return this.#at >= this.#end
  }

  byte(): number {
    if (this.#at >= this.#end) throw new RangeError('postings end too early')
    return this.#bytes[this.#at++] as number
  }

  number(): number {
    let value = 0
    for (let scale = 1; scale <= LAST_SCALE; scale *= 128) {
      const byte = this.byte()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
    throw new RangeError('postings hold a number that is too large')
  }

  bytes(length: number): Uint8Array {
    if (this.#at + length > this.#end) throw new RangeError('postings end too early')
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }
}

/** Writes LEB128 into `bytes` from `at` on; answers where it ends. */
export function writeNumber(bytes: Uint8Array, at: number, value: number): number {
  let next = at
  let rest = value
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes[next++] = (rest % 128) | 0x80
  bytes[next++] = rest
  return next
}

export function numberBytes(value: number): number {
  let bytes = 1
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 128)) bytes++
  return bytes
}
