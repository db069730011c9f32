import type { ImportMappingInput } from '#server/audit/schema.ts'

type Encoding = NonNullable<ImportMappingInput['encoding']>

/** How the beginning of a file is written: by its mark, else the first of UTF-8, GB 18030 with Chinese in it, and Windows-1252 that reads all of it. */
export function suggestEncoding(beginning: Uint8Array): { encoding: Encoding; text: string } {
  const isUtf16 = (beginning[0] === 0xff && beginning[1] === 0xfe) || (beginning[1] === 0 && beginning[3] === 0)
  const order: Encoding[] = isUtf16 ? ['utf-16le'] : ['utf-8', 'gb18030']
  for (const encoding of order) {
    const text = read(beginning, encoding)
    if (text !== null && (encoding !== 'gb18030' || /[\u4e00-\u9fff]{2}/.test(text))) return { encoding, text }
  }
  return { encoding: 'windows-1252', text: new TextDecoder('windows-1252').decode(beginning) }
}

/** Null where the bytes are no text of the encoding; a letter that the beginning cuts off does not count. */
function read(bytes: Uint8Array, encoding: Encoding): string | null {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes, { stream: true })
  } catch {
    return null
  }
}
