import 'server-only'
import { type Actor, isPermitted } from '#server/kernel/actor.ts'
import type { Sql } from '#server/kernel/db.ts'
import type { AuditEventView, Facets } from '../schema.ts'
import { type Hiding, maskEvent, maskFacets, maskId, maskName, type NamedKind } from './mask-event.ts'
import { pseudonyms } from './pseudonyms.ts'

export type { NamedKind } from './mask-event.ts'

/**
 * How one reader sees the log, for the length of one answer. A door asks for it first, sends what it was asked through `query`,
 * what it shows through `view`, `name`, `id` or `facets`, and calls `settle` before it answers.
 */
export type Masking = {
  /** Pseudonyms stand where names would. */
  readonly isMasked: boolean
  /**
   * Whether entries, their bundles and `.tlog-proof` files may be given out: they hold ids, which whoever may also read people,
   * devices or files could look up.
   */
  readonly showsEntries: boolean
  view(event: AuditEventView): AuditEventView
  /** What somebody or something is called for this reader: the name, or `Person K7Q2-M9XD`. */
  name(kind: NamedKind, id: string | undefined, name: string | undefined): string
  /** What stands for an id: the id, or `K7Q2-M9XD`. */
  id(kind: NamedKind, id: string): string
  /** Only inside the transaction of `maskingFor`. */
  facets(facets: Facets): Promise<Facets>
  /**
   * The question as this reader may ask it: pseudonyms stand for ids, what they cannot see matches nothing. Only inside the
   * transaction of `maskingFor`. @throws AppError query_invalid
   */
  query(q: string): Promise<string>
  /** Writes down whose names were shown under a reason; nothing may be answered before. Outside of any transaction. */
  settle(): Promise<void>
}

/** How `actor` sees the log of their organisation now. `sql` is the transaction that reads it. */
export async function maskingFor(sql: Sql, actor: Actor): Promise<Masking> {
  if (isPermitted(actor, 'audit:unmask')) return openMasking()
  return { ...maskedView(sql, actor.tenantId), showsEntries: !canLookUp(actor) }
}

/** For work that goes on without its reader: as they saw the log when they asked for it. */
export function maskingOf(sql: Sql, tenantId: string, isMasked: boolean): Masking {
  return isMasked ? maskedView(sql, tenantId) : openMasking()
}

/** An id leads whoever may read these to a name. */
function canLookUp(actor: Actor): boolean {
  return (['people:read', 'devices:read', 'content:read'] as const).some((read) => isPermitted(actor, read))
}

function openMasking(): Masking {
  return {
    isMasked: false,
    showsEntries: true,
    view: (event) => event,
    name: (_kind, id, name) => name ?? id ?? '',
    id: (_kind, id) => id,
    facets: async (facets) => facets,
    query: async (q) => q,
    settle: async () => {},
  }
}

function maskedView(_sql: Sql, tenantId: string): Masking {
  const hiding: Hiding = { codeOf: pseudonyms(tenantId), isShown: () => false }
  return {
    isMasked: true,
    showsEntries: false,
    view: (event) => maskEvent(event, hiding),
    name: (kind, id, name) => maskName(kind, id, name, hiding),
    id: (_kind, id) => maskId(id, hiding),
    facets: async (facets) => maskFacets(facets, hiding, () => false),
    query: async (q) => q,
    settle: async () => {},
  }
}
