import { base64urlEncode, utf8Encode } from '#lib/bytes.ts'

// The tree hashes synchronously, and WebCrypto cannot. Node lends its own SHA-256 through `process.getBuiltinModule`, which
// needs no import that a browser bundle would stumble over; elsewhere the function below does the work.
const nodeCrypto = typeof process === 'object' ? process.getBuiltinModule?.('node:crypto') : undefined

/** SHA-256 (FIPS 180-4) of `data`, 32 bytes, synchronous in Node and in browsers. */
export const sha256: (data: Uint8Array) => Uint8Array<ArrayBuffer> =
  nodeCrypto?.hash === undefined ? sha256InScript : (data) => bytesOf(nodeCrypto.hash('sha256', data, 'binary'))

/** The same of a text's UTF-8. */
export const sha256Text: (text: string) => Uint8Array<ArrayBuffer> =
  nodeCrypto?.hash === undefined
    ? (text) => sha256InScript(utf8Encode(text))
    : (text) => bytesOf(nodeCrypto.hash('sha256', text, 'binary'))

/** The same of a text's UTF-8 as base64url. */
export const sha256Base64url: (text: string) => string =
  nodeCrypto?.hash === undefined
    ? (text) => base64urlEncode(sha256InScript(utf8Encode(text)))
    : (text) => nodeCrypto.hash('sha256', text, 'base64url')

/** The first 52 bits of the digest: a whole number that JavaScript holds exactly. */
export const sha256Head: (data: Uint8Array) => number =
  nodeCrypto?.hash === undefined
    ? (data) => headOf(String.fromCharCode(...sha256InScript(data).subarray(0, 7)))
    : (data) => headOf(nodeCrypto.hash('sha256', data, 'binary'))

function headOf(binary: string): number {
  let head = 0
  for (let i = 0; i < 6; i++) head = head * 256 + binary.charCodeAt(i)
  return head * 16 + (binary.charCodeAt(6) >> 4)
}

// A text and a loop cost a third of what a Buffer costs, whose memory stands outside the heap.
function bytesOf(binary: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(32)
  for (let i = 0; i < 32; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}

const FRACTIONS = primeFractions(64)
const INITIAL = Uint32Array.of(
  0x6a09e667,
  0xbb67ae85,
  0x3c6ef372,
  0xa54ff53a,
  0x510e527f,
  0x9b05688c,
  0x1f83d9ab,
  0x5be0cd19,
)

/** SHA-256 without any help of the platform; exported for the test that holds both equal. */
export function sha256InScript(data: Uint8Array): Uint8Array<ArrayBuffer> {
  const state = INITIAL.slice()
  const padded = pad(data)
  const view = new DataView(padded.buffer)
  const schedule = new Uint32Array(64)
  for (let offset = 0; offset < padded.length; offset += 64) {
    expand(schedule, view, offset)
    compress(state, schedule)
  }
  const digest = new DataView(new ArrayBuffer(32))
  state.forEach((word, i) => {
    digest.setUint32(4 * i, word)
  })
  return new Uint8Array(digest.buffer)
}

function pad(data: Uint8Array): Uint8Array<ArrayBuffer> {
  const padded = new Uint8Array(Math.ceil((data.length + 9) / 64) * 64)
  padded.set(data)
  padded[data.length] = 0x80
  const view = new DataView(padded.buffer)
  view.setUint32(padded.length - 8, Math.floor(data.length / 2 ** 29))
  view.setUint32(padded.length - 4, (data.length * 8) >>> 0)
  return padded
}

function rotate(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by))
}

function at(words: Uint32Array, index: number): number {
  return words[index] ?? 0
}

function expand(schedule: Uint32Array, view: DataView, offset: number): void {
  for (let i = 0; i < 16; i++) schedule[i] = view.getUint32(offset + 4 * i)
  for (let i = 16; i < 64; i++) {
    const early = at(schedule, i - 15)
    const late = at(schedule, i - 2)
    const small0 = rotate(early, 7) ^ rotate(early, 18) ^ (early >>> 3)
    const small1 = rotate(late, 17) ^ rotate(late, 19) ^ (late >>> 10)
    schedule[i] = at(schedule, i - 16) + small0 + at(schedule, i - 7) + small1
  }
}

function compress(state: Uint32Array, schedule: Uint32Array): void {
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state
  for (let i = 0; i < 64; i++) {
    const big1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
    const first = (h + big1 + ((e & f) ^ (~e & g)) + at(FRACTIONS, i) + at(schedule, i)) | 0
    const big0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
    const second = (big0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + first) | 0
    d = c
    c = b
    b = a
    a = (first + second) | 0
  }
  for (const [i, word] of [a, b, c, d, e, f, g, h].entries()) state[i] = at(state, i) + word
}

/** The round constants: the first 32 bits of the fractional parts of the cube roots of the first primes, in exact integers. */
function primeFractions(count: number): Uint32Array {
  const words = new Uint32Array(count)
  const primes: bigint[] = []
  for (let n = 2n; primes.length < count; n++) {
    if (primes.some((prime) => n % prime === 0n)) continue
    words[primes.length] = Number(cubeRoot(n << 96n) & 0xffffffffn)
    primes.push(n)
  }
  return words
}

function cubeRoot(n: bigint): bigint {
  let low = 0n
  let high = 1n << 40n
  while (high - low > 1n) {
    const middle = (low + high) >> 1n
    if (middle ** 3n <= n) low = middle
    else high = middle
  }
  return low
}
