import { randomBytes } from 'node:crypto'

type Part = Buffer | string

/** A PDF of A4 pages, each with its number in large letters and a few lines of text; written by hand, valid to the byte. */
export function makePdf({
  pages = 1,
  imageBytes = 0,
  catalog = '',
  annotations = '',
  trailer = '',
}: {
  pages?: number
  /** Size of a raw picture of noise on the first page. */
  imageBytes?: number
  /** Further entries of the catalogue. */
  catalog?: string
  /** Annotations of every page. */
  annotations?: string
  /** Further entries of the trailer. */
  trailer?: string
}): Buffer {
  const first = 5
  const kids = Array.from({ length: pages }, (_, page) => `${first + 2 * page} 0 R`).join(' ')
  const objects: Part[] = [
    `<</Type/Catalog/Pages 2 0 R${catalog}>>`,
    `<</Type/Pages/Count ${pages}/Kids[${kids}]>>`,
    '<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>',
    noise(imageBytes),
  ]
  for (let page = 1; page <= pages; page += 1) {
    const picture = page === 1 && imageBytes > 0 ? 'q 300 0 0 300 120 80 cm /I Do Q\n' : ''
    const number = `BT /F 96 Tf 72 640 Td (Page ${page}) Tj ET\n`
    const lines = Array.from(
      { length: 12 },
      (_, line) => `BT /F 12 Tf 72 ${600 - 16 * line} Td (Line ${line + 1} of page ${page}) Tj ET`,
    )
    objects.push(
      `<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Annots[${annotations}]/Resources<</Font<</F 3 0 R>>/XObject<</I 4 0 R>>>>/Contents ${first + 2 * page - 1} 0 R>>`,
      stream('', Buffer.from(`${picture}${number}${lines.join('\n')}`)),
    )
  }
  return assemble(objects, trailer)
}

/** Says that it needs a password: the standard handler with keys that fit none. */
export function makeEncryptedPdf(): Buffer {
  const key = 'ab'.repeat(32)
  return makePdf({
    trailer: `/ID[<00112233445566778899aabbccddeeff><00112233445566778899aabbccddeeff>]/Encrypt<</Filter/Standard/V 2/R 3/Length 128/P -44/O<${key}>/U<${key}>>>`,
  })
}

function noise(bytes: number): Buffer {
  const side = Math.max(1, Math.floor(Math.sqrt(bytes / 3)))
  const dictionary = `/Type/XObject/Subtype/Image/Width ${side}/Height ${side}/BitsPerComponent 8/ColorSpace/DeviceRGB`
  return stream(dictionary, randomBytes(side * side * 3))
}

function stream(dictionary: string, body: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`<<${dictionary}/Length ${body.length}>>\nstream\n`),
    body,
    Buffer.from('\nendstream'),
  ])
}

function assemble(objects: Part[], trailer: string): Buffer {
  const parts = [Buffer.from('%PDF-1.7\n')]
  let length = parts[0]?.length ?? 0
  const offsets: number[] = []
  for (const [index, object] of objects.entries()) {
    const part = Buffer.concat([Buffer.from(`${index + 1} 0 obj\n`), Buffer.from(object), Buffer.from('\nendobj\n')])
    offsets.push(length)
    parts.push(part)
    length += part.length
  }
  const table = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('')
  const count = objects.length + 1
  parts.push(
    Buffer.from(
      `xref\n0 ${count}\n0000000000 65535 f \n${table}trailer\n<</Size ${count}/Root 1 0 R${trailer}>>\nstartxref\n${length}\n%%EOF\n`,
    ),
  )
  return Buffer.concat(parts)
}
