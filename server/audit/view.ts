import 'server-only'
import { categoryOf } from '#protocol/audit/actions.ts'
import { rowEvent } from '#protocol/audit/bundle-row.ts'
import type { Candidate } from './scan.ts'
import type { AuditEventView, KnownFrom } from './schema.ts'

const KNOWN: ReadonlySet<string> = new Set(['server', 'device', 'app', 'import'])

/** The event as people read it. */
export function viewEvent({ index, entry, personal }: Pick<Candidate, 'index' | 'entry' | 'personal'>): AuditEventView {
  return {
    ...rowEvent(entry, personal),
    index,
    category: categoryOf(entry.action),
    knownFrom: knownFrom(entry.source),
    isErased: personal ? undefined : true,
  }
}

/** Who states an event, by the source of its entry. */
export function knownFrom(source: string): KnownFrom {
  const [kind = ''] = source.split(':')
  // A source has no other form: the entry's check refuses it.
  return KNOWN.has(kind) ? (kind as KnownFrom) : 'app'
}
