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
  #view = new DataView(this.bytes.buffer)
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
    this.#view = new DataView(larger.buffer)
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
    this.bytes[this.at++] = COMMA
    this.bytes[this.at++] = QUOTE
    this.#doubleQuotes(from, start, end)
    this.bytes[this.at++] = QUOTE
  }

  /** Most of JSON are stretches without a quote: four bytes are looked at together, which halves what this costs. */
  #doubleQuotes(from: Uint8Array, start: number, end: number): void {
    const view = new DataView(from.buffer, from.byteOffset, from.length)
    const { bytes } = this
    const room = this.#view
    let at = this.at
    let n = start
    for (const last = end - WORD; n <= last; ) {
      const word = view.getInt32(n)
      if (!hasByte(word, QUOTES) && !hasByte(word, SEMICOLONS)) {
        room.setInt32(at, word)
        at += WORD
        n += WORD
        continue
      }
      for (const behind = n + WORD; n < behind; n++) at = putSafe(bytes, at, from[n] ?? 0)
    }
    for (; n < end; n++) at = putSafe(bytes, at, from[n] ?? 0)
    this.at = at
  }
}

const WORD = 4
const QUOTES = 0x22222222
const SEMICOLONS = 0x3b3b3b3b

/** Whether one of four bytes is the one that `fourTimes` repeats. */
function hasByte(word: number, fourTimes: number): boolean {
  const zero = word ^ fourTimes
  return ((zero - 0x01010101) & ~zero & 0x80808080) !== 0
}

/** A byte of JSON in a cell with quotes around it; where the next one goes. */
function putSafe(room: Uint8Array, at: number, byte: number): number {
  if (byte === SEMICOLON) {
    room.set(ESCAPED_SEMICOLON, at)
    return at + ESCAPED_SEMICOLON.length
  }
  room[at] = byte
  if (byte !== QUOTE) return at + 1
  room[at + 1] = byte
  return at + 2
}
