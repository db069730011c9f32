import type { RawRecord } from './csv.ts'

/** Splits NDJSON into its lines as the text comes; one beyond the limit is told and passed over. */
export class LineSplitter {
  readonly #maxChars: number
  #rest = ''
  #line = 1
  #isSkipping = false

  constructor({ maxChars }: { maxChars: number }) {
    this.#maxChars = maxChars
  }

  *push(text: string): Generator<RawRecord> {
    let from = 0
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
      yield* this.#take(this.#rest + text.slice(from, at))
      this.#rest = ''
      from = at + 1
    }
    this.#rest = this.#isSkipping ? '' : this.#rest + text.slice(from)
    if (this.#rest.length <= this.#maxChars) return
    yield this.#tooLarge()
    this.#isSkipping = true
    this.#rest = ''
  }

  *end(): Generator<RawRecord> {
    if (this.#rest !== '') yield* this.#take(this.#rest)
  }

  *#take(line: string): Generator<RawRecord> {
    const text = line.endsWith('\r') ? line.slice(0, -1) : line
    if (this.#isSkipping) this.#isSkipping = false
    else if (text.length > this.#maxChars) yield this.#tooLarge()
    else if (text.trim() !== '') yield { line: this.#line, text, fields: [] }
    this.#line++
  }

  #tooLarge(): RawRecord {
    return { line: this.#line, code: 'line_too_large', detail: `a line may have ${this.#maxChars} bytes` }
  }
}
