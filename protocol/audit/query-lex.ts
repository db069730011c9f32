/**
 * What a piece of a query's text is: `unclosed` is a phrase whose closing quote is missing, `star` what makes a word a prefix. A
 * `field` ends with its colon and may be none that exists: that, and what fits together, is the parser's to say.
 */
export type QueryTokenKind =
  | 'space'
  | 'open'
  | 'close'
  | 'not'
  | 'or'
  | 'and'
  | 'field'
  | 'word'
  | 'phrase'
  | 'unclosed'
  | 'star'

/** A piece of a query's text, in UTF-16 units from 0, `end` exclusive; `isValue`: it is what stands behind a field. */
export type QueryToken = {
  readonly kind: QueryTokenKind
  readonly start: number
  readonly end: number
  readonly isValue: boolean
}

type Rule = readonly [QueryTokenKind, RegExp]

const SPACE: Rule = ['space', /\s+/uy]
const PHRASES: readonly Rule[] = [
  ['phrase', /"(?:[^"\\]|\\["\\])*"/uy],
  ['unclosed', /".*/suy],
]
const STAR: Rule = ['star', /\*/uy]
const WORD: Rule = ['word', /[^\s()"*]+/uy]

/** In this order: the first that fits is it. */
const RULES: readonly Rule[] = [
  SPACE,
  ['open', /\(/uy],
  ['close', /\)/uy],
  ['not', /-/uy],
  ['or', /OR(?=[\s()]|$)/uy],
  ['and', /AND(?=[\s()]|$)/uy],
  // The sign of the kelvin is a K once the text is normalised, and nothing else becomes a letter of these.
  ['field', /[A-Za-z_\u212a]+:/uy],
  ...PHRASES,
  STAR,
  WORD,
]
/** Behind a field's colon `-`, `OR` and further colons belong to its value. */
const RULES_OF_VALUES: readonly Rule[] = [...PHRASES, WORD]

/** Cuts any text into the pieces of the search language: each character is in one, in order. Whether they make a query, `parseQuery` says. */
export function lexQuery(text: string): QueryToken[] {
  const tokens: QueryToken[] = []
  for (let at = 0; at < text.length; at = tokens.at(-1)?.end ?? text.length)
    tokens.push(tokenAt(text, at, tokens.at(-1)))
  return tokens
}

function tokenAt(text: string, start: number, before: QueryToken | undefined): QueryToken {
  const value = before?.kind === 'field' ? firstOf(RULES_OF_VALUES, text, start) : null
  if (value) return { ...value, isValue: true }
  const token = firstOf(RULES, text, start)
  if (!token) throw new Error(`no rule for ${JSON.stringify(text.slice(start, start + 10))}`)
  return { ...token, isValue: token.kind === 'star' && before?.isValue === true && before.kind === 'word' }
}

function firstOf(rules: readonly Rule[], text: string, start: number): Omit<QueryToken, 'isValue'> | null {
  for (const [kind, rule] of rules) {
    rule.lastIndex = start
    if (rule.test(text)) return { kind, start, end: rule.lastIndex }
  }
  return null
}
