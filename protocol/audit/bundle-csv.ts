import { PROOF_COLUMNS, ROW_COLUMNS, type RowEvent, rowTexts } from './bundle-row.ts'

/**
 * CSV as in RFC 4180: UTF-8, CRLF, quotes where needed. A cell that a spreadsheet would take for a formula begins with an
 * apostrophe, and so does what follows a semicolon, a bar, a tab or a line break in a cell: where the semicolon separates, that
 * begins a cell, too. In the JSON of the last two columns a semicolon is written as an escape, which means the same.
 */
export const CSV_HEADER = `${[...ROW_COLUMNS, ...PROOF_COLUMNS].join(',')}\r\n`
/** The header of a masked bundle. */
export const MASKED_CSV_HEADER = `${ROW_COLUMNS.join(',')}\r\n`

/** Quotes count as white space: behind a semicolon that separates, `"=1` is the cell `=1`. */
const FORMULA = /(^|[;|\t\r\n])([\s"]*)(?=[=+\-@＝＋－＠])/g
const MAY_BE_FORMULA = /[=+\-@＝＋－＠]/
const NEEDS_QUOTES = /[",;\r\n\t]|^\s|\s$/

/** A text as a cell: harmless in a spreadsheet, quoted where it must be. */
export function csvCell(text: string): string {
  const safe = harmless(text)
  return NEEDS_QUOTES.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe
}

/** The text without what a spreadsheet would carry out. */
export function harmless(text: string): string {
  return MAY_BE_FORMULA.test(text) ? text.replace(FORMULA, "$1'$2") : text
}

/** JSON for a cell: no semicolon that could be taken for a separator. */
export function cellJson(json: string): string {
  return json.includes(';') ? json.replace(/;/g, '\\u003b') : json
}

/** The cells that a person reads, up to the last comma before `entry`, quoted. */
export function csvCells(row: { index: number; occurredAt: string; recordedAt: string; event: RowEvent }): string {
  let line = `${row.index},${row.occurredAt},${row.recordedAt}`
  for (const text of rowTexts(row.event)) line += text === undefined ? ',' : `,${csvCell(text)}`
  return line
}

/**
 * Splits CSV that comes in pieces of text into records of cells; several records at a time. Throws a RangeError on quotes within
 * a cell and on a line that does not end in CRLF.
 */
export async function* parseCsv(pieces: AsyncIterable<string>): AsyncGenerator<string[][]> {
  let held = ''
  for await (const piece of pieces) {
    held += piece
    const { records, rest } = takeRecords(held)
    held = rest
    if (records.length > 0) yield records
  }
  if (held !== '') throw new RangeError('the last line does not end')
}

function takeRecords(text: string): { records: string[][]; rest: string } {
  const records: string[][] = []
  let start = 0
  for (;;) {
    const taken = takeRecord(text, start)
    if (!taken) return { records, rest: text.slice(start) }
    records.push(taken.cells)
    start = taken.end
  }
}

/** The record that begins at `start`; null while its end has not come yet. */
function takeRecord(text: string, start: number): { cells: string[]; end: number } | null {
  const cells: string[] = []
  for (let at = start; ; ) {
    const cell = text.charCodeAt(at) === QUOTE ? takeQuoted(text, at) : takePlain(text, at)
    if (!cell) return null
    cells.push(cell.text)
    const code = text.charCodeAt(cell.end)
    if (code === COMMA) {
      at = cell.end + 1
      continue
    }
    if (cell.end + 1 >= text.length) return null
    if (code !== CR || text.charCodeAt(cell.end + 1) !== LF)
      throw new RangeError('a cell does not end in a comma or CRLF')
    return { cells, end: cell.end + 2 }
  }
}

const QUOTE = 0x22
const COMMA = 0x2c
const CR = 0x0d
const LF = 0x0a
const PLAIN_END = /[,\r"\n]/g

function takePlain(text: string, at: number): { text: string; end: number } | null {
  PLAIN_END.lastIndex = at
  const match = PLAIN_END.exec(text)
  return match ? { text: text.slice(at, match.index), end: match.index } : null
}

function takeQuoted(text: string, at: number): { text: string; end: number } | null {
  let hasQuotes = false
  for (let from = at + 1; ; ) {
    const end = text.indexOf('"', from)
    // The next character tells whether the cell ends here.
    if (end < 0 || end + 1 >= text.length) return null
    if (text.charCodeAt(end + 1) === QUOTE) {
      hasQuotes = true
      from = end + 2
      continue
    }
    const inner = text.slice(at + 1, end)
    return { text: hasQuotes ? inner.replace(/""/g, '"') : inner, end: end + 1 }
  }
}
