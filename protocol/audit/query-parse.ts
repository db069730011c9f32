import { normaliseTerm, QUERY_FIELDS, type QueryField, type QueryNode, type QueryTerm } from './query.ts'
import { lexQuery, type QueryToken, type QueryTokenKind } from './query-lex.ts'

/**
 * A mistake in a query; `column` counts UTF-16 units from 1 and `length` how many of them are wrong (0 where something is missing at
 * the end), `expected` lists what could stand there.
 */
export class QueryError extends Error {
  readonly code = 'query_invalid'
  readonly column: number
  readonly length: number
  readonly found: string
  readonly expected: readonly string[]
  constructor({ column, length, found, expected }: Omit<QueryError, 'code' | keyof Error>) {
    super(`column ${column}: found ${found}, expected ${expected.join(' or ')}`)
    this.name = 'QueryError'
    this.column = column
    this.length = length
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
 * AND (which may be written, too) and bind tighter than OR. Values are normalised (NFC). Throws a QueryError at the first mistake.
 */
export function parseQuery(text: string): QueryNode {
  if (text.length > MAX_LENGTH) {
    const length = text.length - MAX_LENGTH
    throw new QueryError({
      column: MAX_LENGTH + 1,
      length,
      found: 'more',
      expected: [`at most ${MAX_LENGTH} characters`],
    })
  }
  const bad = text.search(/\p{Cs}|[^\P{Cc}\t\n\r]/u)
  if (bad >= 0) {
    const found = 'a control character or a lone surrogate'
    throw new QueryError({ column: bad + 1, length: 1, found, expected: ['text'] })
  }
  return new Parser(text).parse()
}

/** Where in a text something is wrong, in UTF-16 units from 0, `end` exclusive. */
type Span = { readonly start: number; readonly end: number }

class Parser {
  readonly #text: string
  readonly #tokens: readonly QueryToken[]
  #next = 0
  #terms = 0
  #depth = 0

  constructor(text: string) {
    this.#text = text
    this.#tokens = lexQuery(text)
  }

  parse(): QueryNode {
    this.#skipSpace()
    if (this.#peek() === undefined) return { kind: 'all' }
    const query = this.#or()
    if (this.#peek() !== undefined) this.#fail(['a term', END])
    return query
  }

  #or(): QueryNode {
    const items = [this.#and()]
    while (this.#take('or')) items.push(this.#and())
    return group('or', items)
  }

  /** Leaves no space behind. */
  #and(): QueryNode {
    const items: QueryNode[] = []
    do {
      items.push(this.#unary())
      this.#skipSpace()
    } while (this.#take('and') || this.#atTerm())
    return group('and', items)
  }

  #atTerm(): boolean {
    const kind = this.#peek()
    return kind !== undefined && kind !== 'close' && kind !== 'or'
  }

  #unary(): QueryNode {
    this.#skipSpace()
    if (this.#peek() === 'not') return this.#nested(() => this.#not())
    if (this.#peek() === 'open') return this.#nested(() => this.#parenthesis())
    if (this.#peek() === 'or' || this.#peek() === 'and') this.#fail(['a term'])
    return this.#term()
  }

  #nested(read: () => QueryNode): QueryNode {
    if (++this.#depth > MAX_DEPTH) this.#fail([`at most ${MAX_DEPTH} levels of - and parentheses`])
    const node = read()
    this.#depth--
    return node
  }

  #not(): QueryNode {
    this.#next++
    if (this.#peek() === undefined || this.#peek() === 'space') this.#fail(['a term right after -'])
    return { kind: 'not', item: this.#unary() }
  }

  #parenthesis(): QueryNode {
    this.#next++
    const query = this.#or()
    if (!this.#take('close')) this.#fail([')', 'a term'])
    return query
  }

  #term(): QueryNode {
    if (++this.#terms > MAX_TERMS) this.#fail([`at most ${MAX_TERMS} terms`])
    const field = this.#field()
    const { start } = this.#here()
    const value = this.#value(field)
    const checked = normaliseTerm(field === undefined ? { kind: 'term', ...value } : { kind: 'term', field, ...value })
    return 'kind' in checked ? checked : this.#fail(checked.expected, { start, end: this.#here().start })
  }

  #field(): QueryField | undefined {
    if (this.#peek() !== 'field') return undefined
    const name = this.#written().slice(0, -1).toLowerCase()
    const field = QUERY_FIELDS.find((candidate) => candidate === name)
    if (field === undefined) this.#fail(QUERY_FIELDS.map((candidate) => `${candidate}:`))
    this.#next++
    return field
  }

  #value(field: QueryField | undefined): Pick<QueryTerm, 'match' | 'value'> {
    const written = this.#written()
    if (this.#take('phrase')) return { match: 'phrase', value: unquoted(written) }
    if (this.#take('unclosed')) this.#fail(['a closing "'])
    if (!this.#take('word')) this.#fail([field === undefined ? 'a term' : `a value after ${field}:`])
    const value = written.normalize('NFC')
    if (!this.#take('star')) return { match: 'word', value }
    const behind = this.#peek()
    if (behind !== undefined && behind !== 'space' && behind !== 'close') this.#fail(['a space after *'])
    return { match: 'prefix', value }
  }

  #peek(): QueryTokenKind | undefined {
    return this.#tokens[this.#next]?.kind
  }

  #take(kind: QueryTokenKind): boolean {
    if (this.#peek() !== kind) return false
    this.#next++
    return true
  }

  #skipSpace(): void {
    this.#take('space')
  }

  #here(): Span {
    return this.#tokens[this.#next] ?? { start: this.#text.length, end: this.#text.length }
  }

  #written(): string {
    const { start, end } = this.#here()
    return this.#text.slice(start, end)
  }

  #fail(expected: readonly string[], { start, end }: Span = this.#here()): never {
    const [found = ''] = /^(?:[^\s()"]+|.)/u.exec(this.#text.slice(start)) ?? []
    throw new QueryError({
      column: start + 1,
      length: end - start,
      found: found === '' ? END : found.slice(0, 40),
      expected,
    })
  }
}

function unquoted(phrase: string): string {
  return phrase
    .slice(1, -1)
    .replaceAll(/\\(["\\])/g, '$1')
    .normalize('NFC')
}

function group(kind: 'and' | 'or', items: readonly QueryNode[]): QueryNode {
  const flat = items.flatMap((item) => (item.kind === kind ? item.items : [item]))
  const [only] = flat
  return only !== undefined && flat.length === 1 ? only : { kind, items: flat }
}
