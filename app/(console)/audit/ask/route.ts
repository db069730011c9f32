import type { QueryField } from '#protocol/audit/query.ts'
import { condition, narrowed } from '../_query-text.ts'
import { auditHref, auditParams } from '../search-params.ts'

/** What each question of the page means; the value, where one was given, narrows it. */
const QUESTIONS: Record<string, { q: string; field?: QueryField }> = {
  saw: {
    q: '(action:file.view OR action:file.release OR action:file.download OR action:file.forward OR action:file.print OR action:file.copy)',
    field: 'target',
  },
  captured: { q: 'action:screenshot.attempt', field: 'actor' },
  did: { q: '', field: 'actor' },
  changed: {
    q: '(action:policy.publish OR action:policy.rollback OR action:policy.revert OR action:tenant OR action:person OR action:device.update OR action:file.update OR action:api_key OR action:key OR action:auth.second_factor)',
  },
}

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
  const question = QUESTIONS[given.get('question') ?? '']
  const q = question ? asked(question, textOf(given, 'value')) : withConditions(params.q, given)
  return new Response(null, { status: 303, headers: { location: auditHref(params, { q }) } })
}

function asked({ q, field }: { q: string; field?: QueryField }, value: string): string {
  return value === '' ? q : narrowed(q, condition(field, value))
}

function withConditions(q: string, given: URLSearchParams): string {
  let text = q
  for (const [name, field] of Object.entries(CONDITIONS)) {
    const value = textOf(given, name)
    if (value !== '') text = narrowed(text, condition(field, value))
  }
  return text
}

function textOf(given: URLSearchParams, name: string): string {
  return (given.get(name) ?? '').trim().slice(0, 200)
}
