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
    this.ensure(ESCAPED_SEMICOLON.length * (end - start) + 3)
    const { bytes } = this
    let at = this.at
    bytes[at++] = COMMA
    bytes[at++] = QUOTE
    for (let n = start; n < end; n++) {
      const byte = from[n] ?? 0
      if (byte === SEMICOLON) {
        bytes.set(ESCAPED_SEMICOLON, at)
        at += ESCAPED_SEMICOLON.length
        continue
      }
      bytes[at++] = byte
      if (byte === QUOTE) bytes[at++] = QUOTE
    }
    bytes[at++] = QUOTE
    this.at = at
  }
}
