import 'server-only'
import { categoryOf } from '#protocol/audit/actions.ts'
import type { Candidate } from './scan.ts'
import type { AuditEventView, KnownFrom } from './schema.ts'

const KNOWN: ReadonlySet<string> = new Set(['server', 'device', 'app', 'import'])

/** The event as people read it. */
export function viewEvent({ index, entry, personal }: Pick<Candidate, 'index' | 'entry' | 'personal'>): AuditEventView {
  const { actor, device, target } = entry
  return {
    id: entry.id,
    index,
    recordedAt: entry.recordedAt,
    occurredAt: entry.occurredAt,
    clock: entry.clock,
    action: entry.action,
    category: categoryOf(entry.action),
    outcome: entry.outcome,
    actor: { kind: actor.kind, id: actor.id, name: personal?.actorName, email: personal?.actorEmail },
    device: device && { id: device.id, name: personal?.deviceName },
    target: target && { type: target.type, id: target.id, name: personal?.targetName },
    labels: entry.labels ?? [],
    policy: entry.policy,
    source: entry.source,
    knownFrom: knownFrom(entry.source),
    enforcement: entry.enforcement,
    correlationId: entry.correlationId,
    address: personal?.address,
    userAgent: personal?.userAgent,
    reason: personal?.reason,
    words: personal?.words,
    senderId: personal?.senderId,
    detail: personal?.detail,
    isErased: personal ? undefined : true,
  }
}

function knownFrom(source: string): KnownFrom {
  const [kind = ''] = source.split(':')
  // A source has no other form: the entry's check refuses it.
  return KNOWN.has(kind) ? (kind as KnownFrom) : 'app'
}
