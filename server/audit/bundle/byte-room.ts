import 'server-only'

const ENCODER = new TextEncoder()
const FIRST_BYTES = 1_048_576
const QUOTE = 0x22
const COMMA = 0x2c
const SEMICOLON = 0x3b
/** A semicolon in JSON: six signs that mean the same. */
const ESCAPED_SEMICOLON = ENCODER.encode('\\u003b')

/** Bytes of a part as they come to be; the room is used again and again. */
export class ByteRoom {
  bytes = new Uint8Array(FIRST_BYTES)
  at = 0

  clear(): void {
    this.at = 0
  }

  /** Good until the next `clear`. */
  taken(): Uint8Array {
    return this.bytes.subarray(0, this.at)
  }

  /** Room for so many bytes more; `bytes` may be others afterwards. */
  ensure(more: number): void {
    if (this.at + more <= this.bytes.length) return
    const larger = new Uint8Array(2 * (this.at + more))
    larger.set(this.bytes.subarray(0, this.at))
    this.bytes = larger
  }

  text(text: string): void {
    this.ensure(3 * text.length)
    this.at += ENCODER.encodeInto(text, this.bytes.subarray(this.at)).written
  }

  /** Bytes of something else, whatever they are. Room was made for them. */
  copy(from: Uint8Array, start: number, end: number): void {
    const { bytes } = this
    let at = this.at
    for (let n = start; n < end; n++) bytes[at++] = from[n] ?? 0
    this.at = at
  }

  /** The same of many at once. */
  copyMany(from: Uint8Array, start: number, end: number): void {
    this.ensure(end - start)
    this.bytes.set(from.subarray(start, end), this.at)
    this.at += end - start
  }

  /** A comma and the JSON between these bytes as a cell in quotes, without a semicolon: `cellJson`, byte by byte. */
  jsonCell(from: Uint8Array, start: number, end: number): void {
    this.ensure(ESCAPED_SEMICOLON.length * (end - start) + 4)
    this.bytes[this.at++] = COMMA
    this.bytes[this.at++] = QUOTE
    if (!this.#doubleQuotes(from, start, end)) this.#escapeAll(from, start, end)
    this.bytes[this.at++] = QUOTE
  }

  /**
   * False where there is a semicolon, which needs more. A quote follows every byte, and the next byte takes its place but for a
   * quote: a branch that nobody can foresee costs more than a byte written in vain.
   */
  #doubleQuotes(from: Uint8Array, start: number, end: number): boolean {
    const { bytes } = this
    let at = this.at
    let seen = 0
    for (let n = start; n < end; n++) {
      const byte = from[n] ?? 0
      const step = STEPS[byte] ?? 1
      bytes[at] = byte
      bytes[at + 1] = QUOTE
      at += step & 3
      seen |= step
    }
    if ((seen & HAS_SEMICOLON) !== 0) return false
    this.at = at
    return true
  }

  #escapeAll(from: Uint8Array, start: number, end: number): void {
    for (let n = start; n < end; n++) {
      const byte = from[n] ?? 0
      if (byte === SEMICOLON) {
        this.bytes.set(ESCAPED_SEMICOLON, this.at)
        this.at += ESCAPED_SEMICOLON.length
        continue
      }
      this.bytes[this.at++] = byte
      if (byte === QUOTE) this.bytes[this.at++] = byte
    }
  }
}

const HAS_SEMICOLON = 4
/** How far each byte leads in a cell in quotes. */
const STEPS = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte === QUOTE ? 2 : byte === SEMICOLON ? 1 | HAS_SEMICOLON : 1,
)
