import { isUuid, isUuidv7 } from '#lib/uuid.ts'
import { formatQuery, type QueryField, type QueryTerm } from '#protocol/audit/query.ts'
import { viewersQuery } from '#server/audit/schema.ts'
import { condition, narrowed } from './_query-text.ts'

/** The questions above the query line, in their order. */
export const QUESTIONS = ['saw', 'captured', 'did', 'changed', 'around'] as const
export type Question = (typeof QUESTIONS)[number]

/** What each question may be about, as the search of names calls it. */
export const QUESTION_KINDS = {
  saw: ['file'],
  captured: ['person', 'device', 'file'],
  did: ['person', 'device'],
  changed: ['file', 'person', 'device'],
} as const satisfies Record<Exclude<Question, 'around'>, readonly string[]>

/** How many minutes before and after an event. */
export const AROUND_MINUTES = ['5', '15', '60'] as const
export const AROUND_WHAT = ['all', 'device', 'actor'] as const
export type AroundWhat = (typeof AROUND_WHAT)[number]

const VIEWED =
  '(action:file.view OR action:file.release OR action:file.download OR action:file.forward OR action:file.print OR action:file.copy OR action:screenshot.attempt)'
const CHANGED =
  '(action:policy.publish OR action:policy.rollback OR action:policy.revert OR action:tenant OR action:person OR action:device.update OR action:file.update OR action:api_key OR action:key OR action:auth.second_factor OR action:audit.retention OR action:audit.hold OR action:audit.archive.rule)'
/** What only somebody with an administrator's rights does. */
const ADMINISTERED =
  '(action:policy OR action:person OR action:tenant OR action:api_key OR action:key OR action:audit OR action:device.approve OR action:device.block OR action:device.unblock OR action:device.retire OR action:device.update OR action:device.wipe OR action:device.enrollment_code OR action:file.publish OR action:file.update OR action:file.delete OR action:review OR action:notice)'

/** What was filled in: the text, or what was chosen for it. */
export type Asked = { value: string; kind?: string | undefined; id?: string | undefined; scope?: string | undefined }

/** The query that a question means; null for none of ours. */
export function questionText(question: string, asked: Asked): string | null {
  switch (question) {
    case 'saw':
      return asked.id && isUuid(asked.id) ? viewersQuery(asked.id) : about(VIEWED, asked, 'target')
    case 'captured':
      return about('action:screenshot.attempt', asked, 'actor')
    case 'did':
      return about(asked.scope === 'admin' ? ADMINISTERED : '', asked, 'actor')
    case 'changed':
      return asked.id && isUuid(asked.id)
        ? narrowed(CHANGED, condition('target', asked.id))
        : about(CHANGED, asked, undefined)
    default:
      return null
  }
}

const FIELDS: Record<string, QueryField | undefined> = { person: 'actor', device: 'device', file: undefined }

/** A file is found by its id alone, with its copies. Without a choice the text stands for what the question asks. */
function about(q: string, { value, kind, id }: Asked, field: QueryField | undefined): string {
  if (id && isUuid(id)) return narrowed(q, condition(FIELDS[kind ?? ''], id))
  return value === '' ? q : narrowed(q, condition(field, value))
}

/** The event's id in what somebody pasted: the id itself, or the address of its page. */
export function eventIdIn(text: string): string | null {
  const [id] = /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/i.exec(text) ?? []
  return id && isUuidv7(id.toLowerCase()) ? id.toLowerCase() : null
}

type Happened = { occurredAt: string; device?: { id: string } | undefined; actor: { id?: string | undefined } }

/** The search around an event: its minutes, and where asked only its device or whoever acted. */
export function aroundEvent(
  event: Happened,
  minutes: number,
  what: AroundWhat,
): { q: string; from: string; to: string } {
  const at = Date.parse(event.occurredAt)
  const id = what === 'device' ? event.device?.id : what === 'actor' ? event.actor.id : undefined
  const term: QueryTerm | null = id === undefined || what === 'all' ? null : condition(what, id)
  return {
    q: term ? formatQuery(term) : '',
    from: new Date(at - minutes * 60_000).toISOString(),
    // The end is not part of it, and the event's own moment must be.
    to: new Date(at + minutes * 60_000 + 1).toISOString(),
  }
}
