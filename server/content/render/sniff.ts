import type { Declared } from './verdict.ts'

/** Which parser a file meets, or why none. `none`: nothing here shows it. */
export type Route = 'pdf' | 'image' | 'text' | 'markdown' | 'none' | 'wrong_type' | 'empty'

/** This many bytes decide. */
export const SNIFF_BYTES = 4096

type Family = 'pdf' | 'image' | 'active' | 'other'

const GENERIC = new Set(['application/octet-stream', 'binary/octet-stream'])
const MARKDOWN = new Set(['text/markdown', 'text/x-markdown'])
/** What a browser would run: never shown, whatever its bytes are. */
const ACTIVE = new Set(['text/html', 'text/xml', 'text/xsl', 'image/svg+xml'])

/**
 * Decides by the declared type and the bytes at offset 0, strictly: a header further in, which lenient readers would accept, counts
 * for nothing, so that a file cannot be two things.
 */
export function routeOf(head: Uint8Array, { mediaType, name, sizeBytes }: Declared): Route {
  if (sizeBytes === 0) return 'empty'
  const type = mediaType.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  const found = familyOf(head)
  if (ACTIVE.has(type)) return 'none'
  if (type === 'application/pdf') return found === 'pdf' ? 'pdf' : 'wrong_type'
  if (type.startsWith('image/')) return routeOfImage(type, found)
  if (type.startsWith('text/')) return routeOfText(MARKDOWN.has(type) || /\.(md|markdown)$/i.test(name), head, found)
  if (GENERIC.has(type)) return routeOfUnknown(head, name, found)
  return 'none'
}

/** One picture in place of another is harmless: it is decoded and encoded anew. A format nobody decodes here is only downloaded. */
function routeOfImage(type: string, found: Family | null): Route {
  if (found === 'image') return 'image'
  return found === null && !DECODED.has(type) ? 'none' : 'wrong_type'
}

const DECODED = new Set(['image/png', 'image/jpeg', 'image/jpg', 'image/webp', 'image/gif', 'image/avif', 'image/tiff'])

/** HTML as text is text: it is shown letter by letter. Anything binary is not what it says. */
function routeOfText(isMarkdown: boolean, head: Uint8Array, found: Family | null): Route {
  if (found === 'pdf' || found === 'image' || found === 'other') return 'wrong_type'
  if (!isUtf16(head) && head.includes(0)) return 'wrong_type'
  return isMarkdown ? 'markdown' : 'text'
}

/** Nobody said what it is: the bytes do, and for text its name. */
function routeOfUnknown(head: Uint8Array, name: string, found: Family | null): Route {
  if (found === 'pdf' || found === 'image') return found
  if (found !== null || (!isUtf16(head) && head.includes(0))) return 'none'
  if (/\.(md|markdown)$/i.test(name)) return 'markdown'
  return /\.(txt|text|csv|tsv|log)$/i.test(name) ? 'text' : 'none'
}

const ascii = (text: string): number[] => [...text].map((letter) => letter.charCodeAt(0))

const MAGIC: readonly { family: Family; bytes: readonly number[] }[] = [
  { family: 'pdf', bytes: ascii('%PDF-') },
  { family: 'image', bytes: [0x89, ...ascii('PNG\r\n'), 0x1a, 0x0a] },
  { family: 'image', bytes: [0xff, 0xd8, 0xff] },
  { family: 'image', bytes: ascii('GIF87a') },
  { family: 'image', bytes: ascii('GIF89a') },
  { family: 'image', bytes: [...ascii('II'), 42, 0] },
  { family: 'image', bytes: [...ascii('MM'), 0, 42] },
  { family: 'other', bytes: ascii('PK\u0003\u0004') },
  { family: 'other', bytes: ascii('PK\u0005\u0006') },
  { family: 'other', bytes: [0x1f, 0x8b] },
  { family: 'other', bytes: ascii('BZh') },
  { family: 'other', bytes: [0xfd, ...ascii('7zXZ')] },
  { family: 'other', bytes: [...ascii('7z'), 0xbc, 0xaf] },
  { family: 'other', bytes: ascii('Rar!') },
  { family: 'other', bytes: [0x7f, ...ascii('ELF')] },
  { family: 'other', bytes: [0xd0, 0xcf, 0x11, 0xe0] },
  { family: 'other', bytes: [0xca, 0xfe, 0xba, 0xbe] },
  { family: 'other', bytes: [0, ...ascii('asm')] },
  { family: 'other', bytes: ascii('%!PS') },
]

function familyOf(head: Uint8Array): Family | null {
  const magic = MAGIC.find(({ bytes }) => bytes.every((byte, index) => head[index] === byte))
  if (magic) return magic.family
  const text = Buffer.from(head.subarray(0, 512)).toString('latin1')
  if (text.startsWith('RIFF') && text.slice(8, 12) === 'WEBP') return 'image'
  // Of the ISO media files AVIF is decoded here, HEIC is not.
  if (text.slice(4, 8) === 'ftyp') return /avi[fs]/.test(text.slice(8, 40)) ? 'image' : null
  if (/^MZ/.test(text) && head.includes(0)) return 'other'
  return /^(\u00ef\u00bb\u00bf)?\s*<(!doctype html|html|head|body|script|svg|iframe|\?xml)/i.test(text)
    ? 'active'
    : null
}

export function isUtf16(head: Uint8Array): boolean {
  return (head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff)
}
