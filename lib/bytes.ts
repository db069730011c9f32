/** Bytes over a plain ArrayBuffer: what WebCrypto and `fetch` accept. */
export type Bytes = Uint8Array<ArrayBuffer>

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const HEX = Array.from({ length: 256 }, (_, n) => n.toString(16).padStart(2, '0'))

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** UTF-8 bytes of `text`; a lone surrogate becomes U+FFFD, so refuse those before (lib/text.ts). */
export function utf8Encode(text: string): Bytes {
  return encoder.encode(text)
}

/** How many bytes a text's UTF-8 has; only an upper bound where that is at most `limit`, which spares most texts the counting. */
export function utf8LengthAbove(text: string, limit: number): number {
  const most = 3 * text.length
  return most <= limit ? most : utf8Encode(text).length
}

/** Text of UTF-8 `bytes`. Throws a TypeError on malformed UTF-8; keeps a byte order mark. */
export function utf8Decode(bytes: Uint8Array): string {
  return decoder.decode(bytes)
}

/** One array holding all `parts` in order. */
export function concatBytes(...parts: readonly Uint8Array[]): Bytes {
  let length = 0
  for (const part of parts) length += part.length
  const all = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** Whether both hold the same bytes; the time depends on the length only, never on where they differ. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0)
  return difference === 0
}

/** Lower-case hexadecimal. */
export function hexEncode(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += HEX[byte]
  return text
}

/** Bytes of lower- or upper-case hexadecimal. Throws a TypeError on anything else. */
export function hexDecode(text: string): Bytes {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) throw new TypeError('not hexadecimal')
  const bytes = new Uint8Array(text.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16)
  return bytes
}

/** Base64 with padding (RFC 4648 section 4). */
export function base64Encode(bytes: Uint8Array): string {
  const text = encodeSextets(bytes, BASE64)
  return text.padEnd(Math.ceil(text.length / 4) * 4, '=')
}

/** Strict base64: padding required, no white space, unused bits zero. Throws a TypeError otherwise. */
export function base64Decode(text: string): Bytes {
  if (text.length % 4 !== 0) throw new TypeError('not base64: the length is not a multiple of four')
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  return decodeSextets(text, text.length - padding, BASE64_VALUES)
}

/** Base64url without padding (RFC 4648 section 5). */
export function base64urlEncode(bytes: Uint8Array): string {
  return encodeSextets(bytes, BASE64URL)
}

/** Strict base64url: no padding, no white space, unused bits zero. Throws a TypeError otherwise. */
export function base64urlDecode(text: string): Bytes {
  return decodeSextets(text, text.length, BASE64URL_VALUES)
}

const BASE64_VALUES = valuesOf(BASE64)
const BASE64URL_VALUES = valuesOf(BASE64URL)

function valuesOf(alphabet: string): Int8Array {
  const values = new Int8Array(128).fill(-1)
  for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i
  return values
}

/** A multiple of three bytes whose text one call can make. */
const STRETCH = 768

function encodeSextets(bytes: Uint8Array, alphabet: string): string {
  let text = ''
  for (let from = 0; from < bytes.length; from += STRETCH) text += encodeStretch(bytes, from, alphabet)
  return text
}

// Character codes, and one text of all of them: texts joined character by character are as many objects.
function encodeStretch(bytes: Uint8Array, from: number, alphabet: string): string {
  const end = Math.min(bytes.length, from + STRETCH)
  const codes = new Array<number>(Math.ceil(((end - from) * 4) / 3))
  let at = 0
  for (let i = from; i < end; i += 3) {
    const left = end - i
    const group = ((bytes[i] ?? 0) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    codes[at++] = alphabet.charCodeAt(group >>> 18)
    codes[at++] = alphabet.charCodeAt((group >>> 12) & 63)
    if (left > 1) codes[at++] = alphabet.charCodeAt((group >>> 6) & 63)
    if (left > 2) codes[at++] = alphabet.charCodeAt(group & 63)
  }
  return String.fromCharCode.apply(null, codes)
}

function decodeSextets(text: string, length: number, values: Int8Array): Bytes {
  if (length % 4 === 1) throw new TypeError('not base64: a character is missing')
  const bytes = new Uint8Array(Math.floor((length * 3) / 4))
  let bits = 0
  let held = 0
  let at = 0
  for (let i = 0; i < length; i++) {
    const value = values[text.charCodeAt(i)] ?? -1
    if (value < 0) throw new TypeError(`not base64: unexpected character at ${i + 1}`)
    held = ((held << 6) | value) & 0xffff
    bits += 6
    if (bits < 8) continue
    bits -= 8
    bytes[at++] = (held >>> bits) & 0xff
  }
  // Two texts for one value would let a signature or an id exist in several forms.
  if ((held & ((1 << bits) - 1)) !== 0) throw new TypeError('not base64: unused bits are set')
  return bytes
}
