import { MAX_TEXT_BYTES } from './limits.ts'
import { isUtf16 } from './sniff.ts'
import { Refused } from './verdict.ts'

/** Text of any usual encoding as a string in which nothing is hidden. @throws Refused too_large · wrong_type */
export function readText(bytes: Uint8Array): string {
  if (bytes.length > MAX_TEXT_BYTES) throw new Refused('too_large')
  const text = decode(bytes)
  // What holds it is not text, and a reader that stops there would see less than another.
  if (text.includes('\0')) throw new Refused('wrong_type')
  return showHidden(text)
}

const ENCODINGS = ['utf-8', 'gb18030'] as const

/** A byte order mark decides; then UTF-8 where it is valid, then GB18030, and Windows-1252, in which everything is valid. */
function decode(bytes: Uint8Array): string {
  if (isUtf16(bytes)) return new TextDecoder(bytes[0] === 0xff ? 'utf-16le' : 'utf-16be').decode(bytes)
  for (const encoding of ENCODINGS) {
    try {
      return new TextDecoder(encoding, { fatal: true }).decode(bytes)
    } catch {
      // Not valid in this one: the next.
    }
  }
  return new TextDecoder('windows-1252').decode(bytes)
}

/** Controls except tab and line feed, and what turns the direction of text or hides in it. */
const HIDDEN = /[^\P{Cc}\t\n]|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\ufff9-\ufffb]/gu

/** Every hidden character as its number: nobody reads another order than stands there. */
function showHidden(text: string): string {
  return text.replace(/\r\n?|\f/g, '\n').replace(HIDDEN, numbered)
}

function numbered(character: string): string {
  return `[U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}]`
}
