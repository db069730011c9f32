import { withOffset } from '#lib/zoned-time.ts'
import type { AuditEntry } from './entry.ts'
import type { Personal, PersonalValues } from './personal.ts'

/** What a person reads of an event: the entry and, until they are erased, its personal values, in one. */
export type RowEvent = Omit<AuditEntry, 'v' | 'actor' | 'device' | 'target' | 'labels' | 'personal'> &
  Pick<PersonalValues, 'address' | 'userAgent' | 'reason' | 'words' | 'senderId' | 'detail'> & {
    readonly actor: AuditEntry['actor'] & { readonly name?: string | undefined; readonly email?: string | undefined }
    readonly device?: { readonly id: string; readonly name?: string | undefined } | undefined
    readonly target?: { readonly type: string; readonly id: string; readonly name?: string | undefined } | undefined
    readonly labels: readonly string[]
  }

/** An event of the log in a bundle: its place and, unless the bundle is masked, what it is made of. */
export type ProvenRow = { readonly index: number; readonly entry: AuditEntry; readonly personal: Personal | undefined }

/** The event as a person reads it; server and verifier derive it in the same way. */
export function rowEvent(entry: AuditEntry, personal: Personal | undefined): RowEvent {
  const { actor, device, target } = entry
  return {
    id: entry.id,
    recordedAt: entry.recordedAt,
    occurredAt: entry.occurredAt,
    clock: entry.clock,
    action: entry.action,
    outcome: entry.outcome,
    actor: { kind: actor.kind, id: actor.id, name: personal?.actorName, email: personal?.actorEmail },
    device: device && { id: device.id, name: personal?.deviceName },
    target: target && { type: target.type, id: target.id, name: personal?.targetName },
    labels: entry.labels ?? [],
    policy: entry.policy,
    source: entry.source,
    enforcement: entry.enforcement,
    correlationId: entry.correlationId,
    address: personal?.address,
    userAgent: personal?.userAgent,
    reason: personal?.reason,
    words: personal?.words,
    senderId: personal?.senderId,
    detail: personal?.detail,
  }
}

/** Columns that a person reads, in order; CSV and Parquet have them all. The first is the event's index, then two times. */
export const ROW_COLUMNS = [
  'index',
  'occurred_at',
  'recorded_at',
  'action',
  'outcome',
  'actor_kind',
  'actor_id',
  'actor_name',
  'actor_email',
  'device_id',
  'device_name',
  'target_type',
  'target_id',
  'target_name',
  'labels',
  'policy_id',
  'policy_version',
  'policy_rule',
  'source',
  'enforcement',
  'clock',
  'address',
  'user_agent',
  'reason',
  'words',
  'sender_id',
  'detail',
  'correlation_id',
  'id',
] as const
/** What they are derived from; not in a masked bundle. */
export const PROOF_COLUMNS = ['entry', 'personal'] as const

/** Texts of the columns behind index and times, as far as they are text; undefined where there is nothing. */
export function rowTexts(event: RowEvent): (string | undefined)[] {
  const { actor, device, policy, target } = event
  return [
    event.action,
    event.outcome,
    actor.kind,
    actor.id,
    actor.name,
    actor.email,
    device?.id,
    device?.name,
    target?.type,
    target?.id,
    target?.name,
    event.labels.length === 0 ? undefined : event.labels.join('; '),
    policy?.id,
    policy && String(policy.version),
    policy?.rule,
    event.source,
    event.enforcement,
    event.clock,
    event.address,
    event.userAgent,
    event.reason,
    event.words,
    event.senderId,
    event.detail && JSON.stringify(event.detail),
    event.correlationId,
    event.id,
  ]
}

/** A line of NDJSON without its newline. `entry` and `personal` are texts of JSON. */
export function ndjsonLine(row: {
  index: number
  occurredAt: string
  recordedAt: string
  entry: string
  personal: string | undefined
}): string {
  const { index, occurredAt, recordedAt, entry, personal } = row
  const rest = personal === undefined ? '' : `,"personal":${personal}`
  return `{"index":${index},"occurredAt":"${occurredAt}","recordedAt":"${recordedAt}","entry":${entry}${rest}}`
}

/** The same for a masked bundle. */
export function maskedNdjsonLine(row: {
  index: number
  occurredAt: string
  recordedAt: string
  event: RowEvent
}): string {
  const { index, occurredAt, recordedAt, event } = row
  const shown = { ...rowOf(event), occurredAt: undefined, recordedAt: undefined }
  return `{"index":${index},"occurredAt":"${occurredAt}","recordedAt":"${recordedAt}","event":${JSON.stringify(shown)}}`
}

/** Only the members of a row, whatever else the given event has. */
function rowOf(event: RowEvent): RowEvent {
  const { id, recordedAt, occurredAt, clock, action, outcome, actor, device, target, labels, policy, source } = event
  const { enforcement, correlationId, address, userAgent, reason, words, senderId, detail } = event
  const first = { id, recordedAt, occurredAt, clock, action, outcome, actor, device, target, labels, policy, source }
  return { ...first, enforcement, correlationId, address, userAgent, reason, words, senderId, detail }
}

/** The times of an entry as a clock shows them that is so many minutes ahead of UTC. */
export function shiftedTime(time: string, offsetMinutes: number): string {
  return withOffset(Date.parse(time), offsetMinutes)
}
