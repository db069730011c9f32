import { describe, expect, it } from 'vitest'
import { MAX_TEXT_BYTES } from './limits.ts'
import { renderMarkdown } from './markdown.ts'
import * as corpus from './testing-corpus.ts'
import { readText } from './text.ts'

const read = (content: string | Uint8Array) => readText(Buffer.from(content as Uint8Array))

describe('text', () => {
  it('is read, whatever its encoding', () => {
    expect(read('naïve 中文')).toBe('naïve 中文')
    expect(read('\ufeffwith a mark')).toBe('with a mark')
    expect(read(Buffer.from('\ufeff中文\r\nx', 'utf16le'))).toBe('中文\nx')
    expect(read(Buffer.from('feff4e2d6587', 'hex'))).toBe('中文')
    expect(read(Buffer.from('d6d0cec4', 'hex'))).toBe('中文')
    expect(read(Buffer.from('caf\xe9 ', 'latin1'))).toBe('café ')
  })

  it('hides nothing and turns nothing round', () => {
    expect(read('pay\u202e001\u202c\u0007\u200f\tend\f\u0085')).toBe(
      'pay[U+202E]001[U+202C][U+0007][U+200F]\tend\n[U+0085]',
    )
    expect(read(corpus.html)).toBe(corpus.html)
  })

  it('is refused when it is too long or no text', () => {
    expect(() => read(Buffer.alloc(MAX_TEXT_BYTES + 1, 'a'))).toThrow('too_large')
    expect(() => read(`${'a'.repeat(9_000)}\0`)).toThrow('wrong_type')
  })
})

describe('Markdown', () => {
  it('becomes HTML that does nothing', () => {
    const written =
      '# Title\n\n<script>x</script> ![i](http://h/i.png) [a](javascript:x) [b](https://h/?q=1) [c](data:text/html,x) <ftp://h> <i onclick=x>\n'
    const rendered = renderMarkdown(written)
    expect(rendered).toContain('<h1>Title</h1>')
    expect(rendered).toContain('&lt;script&gt;')
    expect(rendered).toContain('<a href="https://h/?q=1" rel="noopener noreferrer nofollow">b</a>')
    expect(rendered).not.toMatch(/<img|<script|<i |href="(?!https?:|mailto:)/)
  })

  it.each([
    'java\nscript:x',
    'JaVaScRiPt:x',
    '&#106;avascript:x',
    'vbscript:x',
    '\\x01javascript:x',
    '//h/x',
    'data:,x',
    'file:///x',
  ])('no link to %j', (url) =>
    expect(renderMarkdown(`[a](<${url}>) [b](${url})\n\n[c]\n\n[c]: ${url}`)).not.toContain('<a'),
  )

  it('tables and code', () => {
    expect(renderMarkdown('| a |\n|---|\n| `b` |')).toContain('<td><code>b</code></td>')
    expect(renderMarkdown('```"><script>\n<x>\n```')).toContain('&lt;x&gt;')
  })
})
