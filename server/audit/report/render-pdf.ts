import 'server-only'
import PDFDocument from 'pdfkit'
import { type Block, type Column, type ReportDocument, textOf } from './document.ts'
import { makeFonts, type ReportFonts, type Weight } from './fonts.ts'
import { linesOf } from './lines.ts'

const MARGIN = 36
const FOOT = 30
const INK = '#1c2024'
const FAINT = '#60646c'
const RULE = '#d9d9e0'

type Style = { size: number; weight: Weight; colour?: string; before: number }

const STYLES: Record<'title' | 'heading' | 'text' | 'strong' | 'mono', Style> = {
  title: { size: 18, weight: 'bold', before: 0 },
  heading: { size: 12, weight: 'bold', before: 14 },
  text: { size: 9, weight: 'regular', before: 4 },
  strong: { size: 12, weight: 'bold', before: 8 },
  mono: { size: 7.5, weight: 'regular', colour: FAINT, before: 4 },
}
const CELL: Style = { size: 8, weight: 'regular', before: 0 }
const HEAD: Style = { size: 7.5, weight: 'bold', colour: FAINT, before: 0 }
const LEADING = 1.45
/** From the top of a line to the one its letters stand on, in sizes. */
const ASCENT = 1.05
const PAD = 3

type Pdf = InstanceType<typeof PDFDocument>
type Pen = { pdf: Pdf; fonts: ReportFonts; y: number }
type Box = { x: number; y: number; width: number; align?: 'right' | undefined }

/** The report as a PDF, A4 across, its fonts embedded. */
export async function renderPdf(document: ReportDocument): Promise<Buffer> {
  const { title, author, language, createdAt } = document
  const fonts = await makeFonts(textOf(document))
  const pdf = new PDFDocument({
    size: 'A4',
    layout: 'landscape',
    margin: 0,
    bufferPages: true,
    lang: language,
    displayTitle: true,
    info: { Title: title, Author: author, Creator: 'Gatehouse', CreationDate: createdAt, ModDate: createdAt },
  })
  const chunks: Buffer[] = []
  const done = new Promise<Buffer>((resolve, reject) => {
    pdf.on('data', (chunk: Buffer) => chunks.push(chunk))
    pdf.on('end', () => resolve(Buffer.concat(chunks)))
    pdf.on('error', reject)
  })
  for (const { name, bytes } of fonts.files) pdf.registerFont(name, bytes)
  const pen: Pen = { pdf, fonts, y: MARGIN }
  for (const block of document.blocks) draw(pen, block)
  drawFeet(pen, document.footer)
  pdf.end()
  return done
}

function draw(pen: Pen, block: Block): void {
  if (block.kind === 'page') newPage(pen)
  else if (block.kind === 'facts') drawFacts(pen, block.items)
  else if (block.kind === 'list') for (const item of block.items) drawText(pen, `•  ${item}`, STYLES.text)
  else if (block.kind === 'table') drawTable(pen, block.columns, block.rows)
  else drawText(pen, block.text, STYLES[block.kind])
}

const widthOf = ({ pdf }: Pen) => pdf.page.width - 2 * MARGIN
const bottomOf = ({ pdf }: Pen) => pdf.page.height - MARGIN - FOOT

function newPage(pen: Pen): void {
  pen.pdf.addPage()
  pen.y = MARGIN
}

function room(pen: Pen, height: number): void {
  if (pen.y + height > bottomOf(pen)) newPage(pen)
}

function drawText(pen: Pen, text: string, style: Style): void {
  if (pen.y > MARGIN) pen.y += style.before
  for (const line of wrap(pen, text, style, widthOf(pen))) {
    room(pen, style.size * LEADING)
    drawLine(pen, line, style, { x: MARGIN, y: pen.y, width: widthOf(pen) })
    pen.y += style.size * LEADING
  }
}

const TERM_WIDTH = 150

function drawFacts(pen: Pen, items: readonly (readonly [term: string, value: string])[]): void {
  pen.y += 6
  for (const [term, value] of items) drawFact(pen, term, value)
}

function drawFact(pen: Pen, term: string, value: string): void {
  const width = widthOf(pen) - TERM_WIDTH
  const lines = wrap(pen, value, STYLES.text, width)
  pen.y += 2
  room(pen, STYLES.text.size * LEADING)
  drawLine(pen, term, { ...STYLES.text, colour: FAINT }, { x: MARGIN, y: pen.y, width: TERM_WIDTH })
  for (const line of lines) {
    room(pen, STYLES.text.size * LEADING)
    drawLine(pen, line, STYLES.text, { x: MARGIN + TERM_WIDTH, y: pen.y, width })
    pen.y += STYLES.text.size * LEADING
  }
}

function drawTable(pen: Pen, columns: readonly Column[], rows: readonly (readonly string[])[]): void {
  const whole = columns.reduce((sum, { share }) => sum + share, 0)
  const widths = columns.map(({ share }) => (widthOf(pen) * share) / whole)
  const boxes = columns.map(({ align }, n) => ({
    x: MARGIN + widths.slice(0, n).reduce((sum, width) => sum + width, 0),
    width: (widths[n] ?? 0) - 2 * PAD,
    align,
  }))
  const heads = columns.map(({ head }) => head)
  pen.y += 8
  drawRow(pen, { cells: heads, boxes, style: HEAD })
  for (const cells of rows) {
    if (drawRow(pen, { cells, boxes, style: CELL, isAtMost: bottomOf(pen) })) continue
    newPage(pen)
    drawRow(pen, { cells: heads, boxes, style: HEAD })
    drawRow(pen, { cells, boxes, style: CELL })
  }
}

type Row = { cells: readonly string[]; boxes: readonly Omit<Box, 'y'>[]; style: Style; isAtMost?: number }

/** False, and nothing drawn, where the row does not fit above `isAtMost`. */
function drawRow(pen: Pen, { cells, boxes, style, isAtMost }: Row): boolean {
  const wrapped = cells.map((cell, n) => wrap(pen, cell, style, boxes[n]?.width ?? 0))
  const height = Math.max(1, ...wrapped.map(({ length }) => length)) * style.size * LEADING + 2 * PAD
  if (isAtMost !== undefined && pen.y + height > isAtMost) return false
  for (const [n, lines] of wrapped.entries()) {
    const box = boxes[n]
    if (!box) continue
    for (const [row, line] of lines.entries())
      drawLine(pen, line, style, { ...box, y: pen.y + PAD + row * style.size * LEADING })
  }
  pen.y += height
  const { pdf } = pen
  pdf
    .moveTo(MARGIN, pen.y)
    .lineTo(MARGIN + widthOf(pen), pen.y)
    .lineWidth(0.5)
    .stroke(RULE)
  return true
}

function wrap(pen: Pen, text: string, style: Style, width: number): string[] {
  return linesOf(text, width, (part) => measure(pen, part, style))
}

function measure({ pdf, fonts }: Pen, text: string, { size, weight }: Style): number {
  return fonts
    .runsOf(text, weight)
    .reduce((sum, run) => sum + pdf.font(run.font).fontSize(size).widthOfString(run.text), 0)
}

function drawLine(pen: Pen, text: string, style: Style, { x, y, width, align }: Box): void {
  const { pdf, fonts } = pen
  let at = align === 'right' ? x + width - measure(pen, text, style) : x
  pdf.fillColor(style.colour ?? INK)
  for (const run of fonts.runsOf(text, style.weight)) {
    pdf.font(run.font).fontSize(style.size)
    // Fonts of different families stand on one line, whatever room each wants above it.
    pdf.text(run.text, at, y + style.size * ASCENT, { lineBreak: false, baseline: 'alphabetic' })
    at += pdf.widthOfString(run.text)
  }
}

function drawFeet(pen: Pen, footer: string): void {
  const { pdf } = pen
  const { start, count } = pdf.bufferedPageRange()
  for (let page = start; page < start + count; page++) {
    pdf.switchToPage(page)
    const y = pdf.page.height - MARGIN - 10
    const foot: Style = { size: 7, weight: 'regular', colour: FAINT, before: 0 }
    drawLine(pen, footer, foot, { x: MARGIN, y, width: widthOf(pen) })
    drawLine(pen, `${page - start + 1} / ${count}`, foot, { x: MARGIN, y, width: widthOf(pen), align: 'right' })
  }
}
