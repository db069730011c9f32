import { isUuid } from '#lib/uuid.ts'
import { QUERY_FIELDS, type QueryField } from '#protocol/audit/query.ts'
import { now } from '#server/kernel/clock.ts'
import { condition, narrowed } from '../_query-text.ts'
import { questionText } from '../_questions.ts'
import { type AuditParams, auditHref, auditParams, rangeOf } from '../search-params.ts'

/** The fields of the conditions form and what they ask. */
const CONDITIONS: Record<string, QueryField | undefined> = {
  action: 'action',
  outcome: 'outcome',
  person: 'actor',
  device: 'device',
  ip: 'ip',
  words: undefined,
}

/** Turns the page's small forms into the one text that is the search, and goes there. Changes nothing; needs no script. */
export function GET(request: Request): Response {
  const given = new URL(request.url).searchParams
  const params = auditParams(Object.fromEntries(given))
  const asked = {
    value: textOf(given, 'value'),
    kind: textOf(given, 'kind'),
    id: textOf(given, 'id'),
    scope: textOf(given, 'scope'),
  }
  if (given.get('as') === 'table' && isUuid(asked.id))
    return goTo(auditHref(rangeIn(params), {}, `/files/${asked.id}/who-saw`))
  const q = questionText(given.get('question') ?? '', asked) ?? withConditions(params.q, given)
  return goTo(auditHref(params, { q }))
}

function goTo(location: string): Response {
  return new Response(null, { status: 303, headers: { location } })
}

/** The table knows moments and no spans that end now. */
function rangeIn(params: AuditParams): AuditParams {
  return { q: '', sort: '-time', ...rangeOf(params, now()) }
}

function withConditions(q: string, given: URLSearchParams): string {
  let text = withOne(q, given)
  for (const [name, field] of Object.entries(CONDITIONS)) {
    const value = textOf(given, name)
    if (value !== '') text = narrowed(text, condition(field, value))
  }
  return text
}

/** The form of one condition: a field (or any text), whether it is so or not, and the value. */
function withOne(q: string, given: URLSearchParams): string {
  const [name, value] = [textOf(given, 'field'), textOf(given, 'value')]
  const field = QUERY_FIELDS.find((known) => known === name)
  if (value === '' || (field === undefined && name !== 'text')) return q
  const term = condition(field, value)
  return narrowed(q, given.get('is') === 'not' ? { kind: 'not', item: term } : term)
}

function textOf(given: URLSearchParams, name: string): string {
  return (given.get(name) ?? '').trim().slice(0, 200)
}
