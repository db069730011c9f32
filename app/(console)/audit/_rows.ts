import type { Enforcement, Outcome } from '#protocol/audit/actions.ts'
import type { AuditEventView, SearchResult, Total } from '#server/audit/schema.ts'

/** An event as a row of the list: what its columns can show and no more. What is absent has no value. */
export type EventRow = {
  id: string
  index: number
  at: string
  /** When it was recorded, where that is not when it occurred. */
  recorded?: string
  isSuspect?: true
  action: string
  outcome: Outcome
  enforcement?: Enforcement
  kind: AuditEventView['actor']['kind']
  actor?: string
  target?: string
  device?: string
  source: string
  labels?: readonly string[]
  policy?: string
  address?: string
  reason?: string
}

/** A page of rows as it travels; the rest as in the search's answer. */
export type RowsPage = { rows: EventRow[]; nextCursor: string | null; searchedBackTo: string | null; total: Total }

/** What the list is answered: a page, or that nobody is signed in any more. */
export type RowsAnswer = RowsPage | { signedOut: true }

export function toRowsPage({ items, nextCursor, searchedBackTo, total }: SearchResult): RowsPage {
  return { rows: items.map(toRow), nextCursor, searchedBackTo, total }
}

function toRow(event: AuditEventView): EventRow {
  const { actor, target, device, policy, enforcement, labels, address, reason } = event
  const [actorName, targetName, deviceName] = [actor.name, target?.name ?? target?.id, device?.name ?? device?.id]
  return {
    id: event.id,
    index: event.index,
    at: event.occurredAt,
    ...(event.recordedAt !== event.occurredAt && { recorded: event.recordedAt }),
    ...(event.clock === 'suspect' && { isSuspect: true }),
    action: event.action,
    outcome: event.outcome,
    ...(enforcement && enforcement !== 'none' && { enforcement }),
    kind: actor.kind,
    ...(actorName !== undefined && { actor: actorName }),
    ...(targetName !== undefined && { target: targetName }),
    ...(deviceName !== undefined && { device: deviceName }),
    source: event.source,
    ...(labels.length > 0 && { labels }),
    ...(policy && { policy: policy.rule ? `v${policy.version} ${policy.rule}` : `v${policy.version}` }),
    ...(address !== undefined && { address }),
    ...(reason !== undefined && { reason }),
  }
}
