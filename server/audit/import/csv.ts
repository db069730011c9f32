/** A record of a file with the line it begins on, from 1; or why it is none. */
export type RawRecord =
  | { line: number; text: string; fields: string[] }
  | { line: number; code: 'line_too_large' | 'csv_quote' | 'csv_unclosed'; detail: string }

type Parsed = { fields: string[]; end: number } | { wrong: number } | 'more'

const QUOTE = '"'

/**
 * Splits CSV (RFC 4180) into records as the text comes, holding one record at most. A record beyond the limit is passed over to
 * its own end, quotes and all: what stands inside an overlong field can never pose as records.
 */
export class CsvSplitter {
  readonly #delimiter: string
  readonly #maxChars: number
  #rest = ''
  #line = 1
  /** Passing over a record that is too large: whether inside quotes, and its line. */
  #skipping: { quoted: boolean; line: number } | null = null

  constructor({ delimiter, maxChars }: { delimiter: string; maxChars: number }) {
    this.#delimiter = delimiter
    this.#maxChars = maxChars
  }

  *push(text: string): Generator<RawRecord> {
    yield* this.#take(this.#rest + text, false)
  }

  *end(): Generator<RawRecord> {
    yield* this.#take(this.#rest, true)
    if (this.#skipping?.quoted)
      yield {
        line: this.#skipping.line,
        code: 'csv_unclosed',
        detail: 'the quote never closes: nothing after it was read',
      }
  }

  *#take(text: string, isLast: boolean): Generator<RawRecord> {
    let at = 0
    while (at < text.length) {
      if (this.#skipping) {
        at = this.#skip(text, at, isLast)
        continue
      }
      const line = this.#line
      const parsed = this.#parse(text, at, isLast)
      if (parsed === 'more') {
        const length = text.length - at
        if (length <= this.#maxChars && !isLast) break
        if (length > this.#maxChars) yield this.#tooLarge(line)
        this.#skipping = { quoted: false, line }
        continue
      }
      if ('wrong' in parsed) {
        yield { line, code: 'csv_quote', detail: 'text stands behind a closing quote' }
        this.#countLines(text.slice(at, parsed.wrong))
        at = parsed.wrong
        this.#skipping = { quoted: false, line }
        continue
      }
      const record = text.slice(at, parsed.end)
      this.#countLines(record)
      at = parsed.end
      if (record.length > this.#maxChars) yield this.#tooLarge(line)
      else if (parsed.fields.length > 1 || parsed.fields[0] !== '')
        yield { line, text: record.replace(/\r?\n$/, ''), fields: parsed.fields }
    }
    this.#rest = at < text.length ? text.slice(at) : ''
  }

  /** Reads one record from `at`; 'more' when its end is not in the text. */
  #parse(text: string, at: number, isLast: boolean): Parsed {
    const fields: string[] = []
    let position = at
    for (;;) {
      const field = text[position] === QUOTE ? quoted(text, position, isLast) : this.#bare(text, position, isLast)
      if (field === 'more') return 'more'
      fields.push(field.value)
      position = field.end
      if (position >= text.length) return isLast ? { fields, end: position } : 'more'
      if (text[position] === this.#delimiter) {
        position++
        continue
      }
      if (text[position] === '\n') return { fields, end: position + 1 }
      if (text[position] === '\r' && position + 1 >= text.length && !isLast) return 'more'
      if (text[position] === '\r' && (text[position + 1] === '\n' || position + 1 >= text.length))
        return { fields, end: Math.min(position + 2, text.length) }
      return { wrong: position }
    }
  }

  #bare(text: string, from: number, isLast: boolean): { value: string; end: number } | 'more' {
    for (let position = from; position < text.length; position++) {
      const character = text[position]
      if (character === this.#delimiter || character === '\n')
        return { value: text.slice(from, position), end: position }
      if (character === '\r' && (text[position + 1] === '\n' || (position + 1 === text.length && isLast)))
        return { value: text.slice(from, position), end: position }
    }
    return isLast ? { value: text.slice(from), end: text.length } : 'more'
  }

  /** Passes over what belongs to a record that was given up. */
  #skip(text: string, at: number, isLast: boolean): number {
    const state = this.#skipping ?? { quoted: false, line: this.#line }
    for (let position = at; position < text.length; position++) {
      const character = text[position]
      if (character === QUOTE) state.quoted = !state.quoted
      else if (character === '\n') {
        this.#line++
        if (!state.quoted) {
          this.#skipping = null
          return position + 1
        }
      }
    }
    if (isLast && !state.quoted) this.#skipping = null
    return text.length
  }

  #tooLarge(line: number): RawRecord {
    return { line, code: 'line_too_large', detail: `a record may have ${this.#maxChars} bytes` }
  }

  #countLines(text: string): void {
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#line++
  }
}

function quoted(text: string, from: number, isLast: boolean): { value: string; end: number } | 'more' {
  let value = ''
  let position = from + 1
  for (;;) {
    const close = text.indexOf(QUOTE, position)
    if (close < 0) return 'more'
    if (text[close + 1] === QUOTE) {
      value += text.slice(position, close + 1)
      position = close + 2
      continue
    }
    if (close + 1 >= text.length && !isLast) return 'more'
    return { value: value + text.slice(position, close), end: close + 1 }
  }
}
