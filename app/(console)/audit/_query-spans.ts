import { lexQuery, type QueryToken } from '#protocol/audit/query-lex.ts'
import { parseQuery, QueryError } from '#protocol/audit/query-parse.ts'

/** How a piece of a query is drawn: what belongs to the language, a field's value, anything else. */
type SpanTone = 'language' | 'value' | 'plain'

/** A piece of a query as it is drawn; `isWrong`: the parser cannot read it there. */
export type QuerySpan = { start: number; text: string; tone: SpanTone; isWrong: boolean }

/** Where the parser stops, in UTF-16 units from 0; both the text's length where something is missing at its end. */
export type WrongSpan = { start: number; end: number }

/** The pieces of a query in order, which together are its text; `wrong` is the mistake that is to be marked in them. */
export function querySpans(text: string, wrong: WrongSpan | null): QuerySpan[] {
  const spans: QuerySpan[] = []
  for (const token of lexQuery(text)) {
    const tone = toneOf(token)
    for (const [start, end] of cut(token, wrong)) {
      const isWrong = wrong !== null && start >= wrong.start && end <= wrong.end
      const last = spans.at(-1)
      if (last?.tone === tone && last.isWrong === isWrong) last.text += text.slice(start, end)
      else spans.push({ start, text: text.slice(start, end), tone, isWrong })
    }
  }
  return spans
}

/** Where the parser cannot go on; null where it reads the whole text. */
export function wrongSpan(text: string): WrongSpan | null {
  try {
    parseQuery(text)
    return null
  } catch (error) {
    if (!(error instanceof QueryError)) throw error
    return { start: error.column - 1, end: error.column - 1 + error.length }
  }
}

function toneOf({ kind, isValue }: QueryToken): SpanTone {
  if (isValue) return 'value'
  return kind === 'field' || kind === 'not' || kind === 'or' || kind === 'and' ? 'language' : 'plain'
}

/** A mistake may begin or end inside a token: a character that cannot be there, what is too long. */
function cut({ start, end }: QueryToken, wrong: WrongSpan | null): [number, number][] {
  const inside = wrong ? [wrong.start, wrong.end].filter((at) => at > start && at < end) : []
  const edges = [start, ...inside, end]
  return edges.slice(1).map((to, index) => [edges[index] ?? start, to])
}
