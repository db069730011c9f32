import { describe, expect, it } from 'vitest'
import type { ReportDocument } from './document.ts'
import { printable } from './fonts.ts'
import { linesOf } from './lines.ts'
import { renderPdf } from './render-pdf.ts'
import { readPdf } from './testing-read-pdf.ts'

const document = (blocks: ReportDocument['blocks']): ReportDocument => ({
  title: '谁看过',
  language: 'zh',
  author: 'Gatehouse',
  createdAt: new Date('2026-11-23T07:00:00Z'),
  footer: 'Plan.pdf — 42',
  blocks,
})

describe('renderPdf', () => {
  it('prints Chinese names, rare characters too, as text that can be read back', async () => {
    const bytes = await renderPdf(
      document([
        { kind: 'title', text: '谁看过 “Plan.pdf”？' },
        { kind: 'facts', items: [['组织', '欧阳娜娜与翀']] },
        {
          kind: 'table',
          columns: [
            { head: '人员', share: 2 },
            { head: '次数', share: 1, align: 'right' },
          ],
          rows: [
            ['王小明', '3'],
            ['Zoë Łuczak', '12'],
          ],
        },
      ]),
    )
    const { pages, info } = await readPdf(bytes)
    const [text = ''] = pages
    for (const part of ['谁看过', '“Plan.pdf”', '欧阳娜娜与翀', '王小明', 'Zoë Łuczak', '12', '1 / 1', 'Plan.pdf — 42'])
      expect(text).toContain(part)
    expect(info).toMatchObject({ Title: '谁看过', Author: 'Gatehouse' })
    expect(bytes.length).toBeLessThan(100_000)
  })

  it('goes on to another page with the heads of its table, and a page break is one', async () => {
    const rows = Array.from({ length: 90 }, (_, n) => [`Person ${n}`])
    const { pages } = await readPdf(
      await renderPdf(
        document([
          { kind: 'table', columns: [{ head: 'Name', share: 1 }], rows },
          { kind: 'page' },
          { kind: 'text', text: 'The end' },
        ]),
      ),
    )
    expect(pages.length).toBeGreaterThan(3)
    for (const page of pages.slice(0, -1)) expect(page).toContain('Name')
    expect(pages.join()).toContain('Person 89')
    expect(pages.at(-1)).toContain('The end')
  })

  it('prints a box for what no font has, and never what hides or turns other characters', async () => {
    const { pages } = await readPdf(await renderPdf(document([{ kind: 'text', text: '𠮷 \u202efdp.exe مرحبا' }])))
    expect(pages[0]).toMatch(/□ fdp\.exe □+/)
    expect(printable('a\u202eb\tc\nd\u0000e')).toBe('ab c d e')
  })
})

describe('linesOf', () => {
  const width = (text: string) => [...text].length

  it('breaks at spaces, between Chinese characters and, where it must, inside a word', () => {
    expect(linesOf('the quick fox', 9, width)).toEqual(['the quick', 'fox'])
    expect(linesOf('季度报告草案', 4, width)).toEqual(['季度报告', '草案'])
    expect(linesOf('abcdefghij', 4, width)).toEqual(['abcd', 'efgh', 'ij'])
    expect(linesOf('', 4, width)).toEqual([''])
  })

  it('puts no closing sign at the beginning of a line', () => {
    expect(linesOf('一二三四。', 4, width)).toEqual(['一二三四。'])
  })
})
