import { describe, expect, it } from 'vitest'
import { routeOf, SNIFF_BYTES } from './sniff.ts'
import * as corpus from './testing-corpus.ts'

type Case = [name: string, bytes: Uint8Array | string, mediaType: string, named?: string]

function route([, content, mediaType, name = 'file']: Case): string {
  const bytes = Buffer.from(content as Uint8Array)
  return routeOf(bytes.subarray(0, SNIFF_BYTES), { mediaType, name, sizeBytes: bytes.length })
}

const zipped = Buffer.concat([Buffer.from('PK\x03\x04'), corpus.simplePdf()])

describe('what would act, and what nothing here shows', () => {
  it.each<Case>([
    ['SVG', corpus.svg, 'image/svg+xml'],
    ['SVG with a parameter', corpus.svg, 'Image/SVG+XML; charset=utf-8'],
    ['HTML', corpus.html, 'text/html'],
    ['HTML that is a PDF, too', `${corpus.html}\n${corpus.simplePdf().toString('latin1')}`, 'text/html'],
    ['a PDF that says it is HTML', corpus.simplePdf(), 'text/html'],
    ['a zip bomb', Buffer.concat([Buffer.from('PK\x03\x04'), corpus.zeros(2)]), 'application/zip'],
    ['anything', Buffer.from([0, 1, 2, 3]), 'application/octet-stream', 'x.txt'],
    ['a ZIP that is a PDF, too', zipped, 'application/octet-stream'],
    ['a picture nobody decodes here', 'BM\x00\x00', 'image/bmp'],
    ['HEIC', Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic'), 'image/heic'],
    ['text that nobody calls text', 'a,b', 'application/octet-stream'],
  ])('%s: none', (...given) => expect(route(given)).toBe('none'))
})

describe('bytes that are not what the type says', () => {
  it.each<Case>([
    ['a program', Buffer.concat([Buffer.from('MZ'), Buffer.alloc(500)]), 'application/pdf'],
    [
      'a PDF that begins with something else',
      Buffer.concat([Buffer.from('junk\n'), corpus.simplePdf()]),
      'application/pdf',
    ],
    ['a ZIP as PDF', zipped, 'application/pdf'],
    ['HTML as PDF', `${corpus.html}%PDF-1.7`, 'application/pdf'],
    ['SVG as PNG', corpus.svg, 'image/png'],
    ['HTML as a picture nobody decodes', corpus.html, 'image/x-icon'],
    ['a PDF as picture', corpus.simplePdf(), 'image/png'],
    ['a GIF as text', 'GIF89a=1;alert(1)', 'text/javascript'],
    ['zeros as text', Buffer.alloc(100_000), 'text/plain'],
    ['an old Word file as text', Buffer.from('d0cf11e0a1b11ae1', 'hex'), 'text/markdown'],
  ])('%s: wrong_type', (...given) => expect(route(given)).toBe('wrong_type'))
})

describe('what is parsed', () => {
  it.each<[...Required<Case>, string]>([
    ['PDF', corpus.simplePdf(), 'application/pdf', 'x', 'pdf'],
    ['a PDF of no type', corpus.simplePdf(), 'application/octet-stream', 'x', 'pdf'],
    ['one picture as another', corpus.bombPng(1, 1), 'image/jpeg', 'x', 'image'],
    ['AVIF', Buffer.from('\0\0\0\x18ftypmif1\0\0\0\0mif1avif'), 'image/avif', 'x', 'image'],
    ['HTML as text', corpus.html, 'text/plain', 'x', 'text'],
    ['UTF-16', Buffer.from('\ufeffab', 'utf16le'), 'text/plain', 'x', 'text'],
    ['Markdown', '# x', 'text/markdown', 'x', 'markdown'],
    ['Markdown by its name', '# x', 'text/plain', 'read.MD', 'markdown'],
    ['text of no type', 'a,b', 'application/octet-stream', 'x.csv', 'text'],
    ['nothing', '', 'application/pdf', 'x', 'empty'],
  ])('%s', (name, bytes, mediaType, named, expected) => expect(route([name, bytes, mediaType, named])).toBe(expected))
})
