import { normaliseTerm, QUERY_FIELDS, type QueryField, type QueryNode, type QueryTerm } from './query.ts'

/** A mistake in a query; `column` counts UTF-16 units from 1, `expected` lists what could stand there. */
export class QueryError extends Error {
  readonly code = 'query_invalid'
  readonly column: number
  readonly found: string
  readonly expected: readonly string[]
  constructor(column: number, found: string, expected: readonly string[]) {
    super(`column ${column}: found ${found}, expected ${expected.join(' or ')}`)
    this.name = 'QueryError'
    this.column = column
    this.found = found
    this.expected = expected
  }
}

const MAX_LENGTH = 2_000
const MAX_TERMS = 64
const MAX_DEPTH = 32
const END = 'the end'

/**
 * Parses the search language: `field:value`, words, `"phrases"`, `prefix*`, `-not`, `OR`, parentheses; neighbouring terms mean
 * AND (which may be written, too) and bind tighter than OR. Throws a QueryError at the first mistake.
 */
export function parseQuery(text: string): QueryNode {
  if (text.length > MAX_LENGTH) throw new QueryError(MAX_LENGTH + 1, 'more', [`at most ${MAX_LENGTH} characters`])
  const bad = text.search(/\p{Cs}|[^\P{Cc}\t\n\r]/u)
  if (bad >= 0) throw new QueryError(bad + 1, 'a control character or a lone surrogate', ['text'])
  return new Parser(text.normalize('NFC')).parse()
}

class Parser {
  readonly #text: string
  #at = 0
  #terms = 0
  #depth = 0

  constructor(text: string) {
    this.#text = text
  }

  parse(): QueryNode {
    this.#skipSpace()
    if (this.#at === this.#text.length) return { kind: 'all' }
    const query = this.#or()
    if (this.#at < this.#text.length) this.#fail(['a term', END])
    return query
  }

  #or(): QueryNode {
    const items = [this.#and()]
    while (this.#takeWord('OR')) items.push(this.#and())
    return group('or', items)
  }

  #and(): QueryNode {
    const items = [this.#unary()]
    for (;;) {
      this.#skipSpace()
      if (this.#takeWord('AND')) items.push(this.#unary())
      else if (this.#atTerm()) items.push(this.#unary())
      else return group('and', items)
    }
  }

  #atTerm(): boolean {
    return this.#at < this.#text.length && this.#peek() !== ')' && !this.#isWord('OR')
  }

  #unary(): QueryNode {
    this.#skipSpace()
    if (this.#isWord('OR') || this.#isWord('AND')) this.#fail(['a term'])
    if (this.#peek() === '-') return this.#nested(() => this.#not())
    if (this.#peek() === '(') return this.#nested(() => this.#parenthesis())
    return this.#term()
  }

  #nested(read: () => QueryNode): QueryNode {
    if (++this.#depth > MAX_DEPTH) this.#fail([`at most ${MAX_DEPTH} levels of - and parentheses`])
    const node = read()
    this.#depth--
    return node
  }

  #not(): QueryNode {
    this.#at++
    if (/^\s?$/u.test(this.#peek())) this.#fail(['a term right after -'])
    return { kind: 'not', item: this.#unary() }
  }

  #parenthesis(): QueryNode {
    this.#at++
    const query = this.#or()
    this.#skipSpace()
    if (this.#peek() !== ')') this.#fail([')', 'a term'])
    this.#at++
    return query
  }

  #term(): QueryNode {
    const start = this.#at
    if (++this.#terms > MAX_TERMS) this.#fail([`at most ${MAX_TERMS} terms`])
    const field = this.#field()
    const valueAt = this.#at
    const value = this.#peek() === '"' ? this.#quoted() : this.#bare(field)
    const term: QueryTerm = field === undefined ? { kind: 'term', ...value } : { kind: 'term', field, ...value }
    const checked = normaliseTerm(term)
    if ('kind' in checked) return checked
    this.#at = field === undefined ? start : valueAt
    return this.#fail(checked.expected)
  }

  #field(): QueryField | undefined {
    const [written, name] = /^([A-Za-z_]+):/.exec(this.#text.slice(this.#at)) ?? []
    if (written === undefined || name === undefined) return undefined
    const field = QUERY_FIELDS.find((candidate) => candidate === name.toLowerCase())
    if (field === undefined) this.#fail(QUERY_FIELDS.map((candidate) => `${candidate}:`))
    this.#at += written.length
    return field
  }

  #quoted(): Pick<QueryTerm, 'match' | 'value'> {
    const [written, inside = ''] = /^"((?:[^"\\]|\\["\\])*)"/.exec(this.#text.slice(this.#at)) ?? []
    if (written === undefined) {
      this.#at = this.#text.length
      this.#fail(['a closing "'])
    }
    this.#at += written.length
    return { match: 'phrase', value: inside.replaceAll(/\\(["\\])/g, '$1') }
  }

  #bare(field: QueryField | undefined): Pick<QueryTerm, 'match' | 'value'> {
    const [value = ''] = /^[^\s()"*]*/u.exec(this.#text.slice(this.#at)) ?? []
    if (value === '') this.#fail([field === undefined ? 'a term' : `a value after ${field}:`])
    this.#at += value.length
    if (this.#peek() !== '*') return { match: 'word', value }
    this.#at++
    if (!/^[\s)]?$/u.test(this.#peek())) this.#fail(['a space after *'])
    return { match: 'prefix', value }
  }

  #isWord(word: string): boolean {
    return this.#text.startsWith(word, this.#at) && /^[\s()]?$/u.test(this.#text.charAt(this.#at + word.length))
  }

  #takeWord(word: string): boolean {
    this.#skipSpace()
    if (!this.#isWord(word)) return false
    this.#at += word.length
    return true
  }

  #peek(): string {
    return this.#text.charAt(this.#at)
  }

  #skipSpace(): void {
    while (/\s/u.test(this.#peek())) this.#at++
  }

  #fail(expected: readonly string[]): never {
    const [found = ''] = /^(?:[^\s()"]+|.)/u.exec(this.#text.slice(this.#at)) ?? []
    throw new QueryError(this.#at + 1, found === '' ? END : found.slice(0, 40), expected)
  }
}

function group(kind: 'and' | 'or', items: readonly QueryNode[]): QueryNode {
  const flat = items.flatMap((item) => (item.kind === kind ? item.items : [item]))
  const [only] = flat
  return only !== undefined && flat.length === 1 ? only : { kind, items: flat }
}
