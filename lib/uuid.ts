import { type Bytes, hexDecode } from './bytes.ts'

const PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const MAX_MS = 2 ** 48 - 1

/** The last time used and the 26-bit counter behind it. */
type Sequence = { ms: number; counter: number }

// Two sequences, so that a time from the past or the future (an import, a test's clock) never drags the clock's own along.
const byClock: Sequence = { ms: -1, counter: 0 }
const byCaller: Sequence = { ms: -1, counter: 0 }

/**
 * A new UUIDv7 (RFC 9562 section 5.7, counter of section 6.2 method 1) as lower-case text.
 * Without `nowMs` each one sorts after the last of this process, even when the clock steps back. With `nowMs` the id carries
 * exactly that time; ids of equal or rising times sort in the order of the calls.
 */
export function uuidv7(nowMs?: number): string {
  if (nowMs === undefined) return bytesToUuid(next(byClock, Math.max(Date.now(), byClock.ms)))
  if (!Number.isInteger(nowMs) || nowMs < 0 || nowMs > MAX_MS)
    throw new RangeError('nowMs is not a time in milliseconds')
  return bytesToUuid(next(byCaller, nowMs))
}

/** Whether `text` is a UUID of any version in its canonical lower-case form. */
export function isUuid(text: string): boolean {
  return PATTERN.test(text)
}

/** Whether `text` is a version 7 UUID in its canonical lower-case form. */
export function isUuidv7(text: string): boolean {
  return PATTERN.test(text) && text[14] === '7' && '89ab'.includes(text[19] ?? '')
}

/** Milliseconds since 1970 that a UUIDv7 carries. Throws a TypeError on any other text. */
export function uuidv7TimeMs(text: string): number {
  if (!isUuidv7(text)) throw new TypeError('not a UUIDv7')
  return Number.parseInt(text.slice(0, 8) + text.slice(9, 13), 16)
}

/** The 16 bytes of a canonical UUID. Throws a TypeError on any other text. */
export function uuidToBytes(text: string): Bytes {
  if (!isUuid(text)) throw new TypeError('not a UUID')
  return hexDecode(text.replaceAll('-', ''))
}

/** The canonical text of 16 bytes. Throws a TypeError on another length. */
export function bytesToUuid(bytes: Uint8Array): string {
  if (bytes.length !== 16) throw new TypeError(`a UUID has 16 bytes, got ${bytes.length}`)
  let at = 0
  for (let i = 0; i < 16; i++) {
    const byte = bytes[i] as number
    if (i === 4 || i === 6 || i === 8 || i === 10) codes[at++] = DASH
    codes[at++] = DIGITS.charCodeAt(byte >> 4)
    codes[at++] = DIGITS.charCodeAt(byte & 15)
  }
  return String.fromCharCode.apply(null, codes)
}

const DIGITS = '0123456789abcdef'
const DASH = 45
// One text in one piece: put together from parts it would be forty objects.
const codes = new Array<number>(36).fill(0)

const POOL_BYTES = 4096
const RANDOM_BYTES = 12
const pool = new Uint8Array(POOL_BYTES)
let poolAt = POOL_BYTES

// Text is made of it before the next one is laid out.
const room = new Uint8Array(16)
const view = new DataView(room.buffer)

function next(sequence: Sequence, ms: number): Uint8Array {
  // Random bytes are fetched for many ids at once: each fetch costs more than the bytes.
  if (poolAt + RANDOM_BYTES > POOL_BYTES) {
    crypto.getRandomValues(pool)
    poolAt = 0
  }
  const at = poolAt
  poolAt += RANDOM_BYTES
  // A seed of 25 bits leaves at least 33 million ids in one millisecond before the 26-bit counter could overflow.
  const seed = ((random(at + 8) << 17) | (random(at + 9) << 9) | (random(at + 10) << 1) | (random(at + 11) & 1)) >>> 0
  sequence.counter = sequence.ms === ms ? sequence.counter + 1 : seed
  sequence.ms = ms
  layOut(ms, sequence.counter)
  for (let n = 0; n < 6; n++) room[10 + n] = random(at + 2 + n)
  return room
}

function random(at: number): number {
  return pool[at] as number
}

function layOut(ms: number, counter: number): void {
  view.setUint16(0, Math.floor(ms / 2 ** 32))
  view.setUint32(2, ms % 2 ** 32)
  view.setUint16(6, 0x7000 | (counter >>> 14))
  view.setUint16(8, 0x8000 | (counter & 0x3fff))
}
