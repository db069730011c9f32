import 'server-only'
import { type Actor, isPermitted } from '#server/kernel/actor.ts'
import type { Sql } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import type { AuditEventView, Facets } from '../schema.ts'
import { idsOf, openIds, ownersAndDevices } from './directory.ts'
import { type Hiding, maskEvent, maskFacets, maskId, maskName, type NamedKind } from './mask-event.ts'
import { maskQuery, namedIn, unanswered } from './mask-query.ts'
import { shownIn } from './named.ts'
import { pseudonyms } from './pseudonyms.ts'
import { recordShown } from './record-shown.ts'
import { type Told, toldBy } from './told.ts'
import { readUnmaskings, type Unmasking } from './unmaskings.ts'

export type { NamedKind } from './mask-event.ts'

/**
 * How one reader sees the log, for the length of one answer. A door asks for it first, sends what it was asked through `query`,
 * what it shows through `view`, `name`, `id` or `facets`, and calls `settle` before it answers.
 */
export type Masking = {
  /** Pseudonyms stand where names would. */
  readonly isMasked: boolean
  /** The act under which names are shown, where the organisation asks for a reason. */
  readonly unmaskingId: string | null
  /**
   * Whether entries, their bundles and `.tlog-proof` files may be given out. They hold no names but ids: a person in the console
   * would look them up, a program with `audit:read` needs them to verify the log (CONTRACT).
   */
  readonly showsEntries: boolean
  view(event: AuditEventView): AuditEventView
  /** For what is shown without `view` or `name`: whose names, by their own or their devices' ids; by what they are called where those are not known. */
  shows(named: Iterable<string | undefined>): void
  /** What somebody or something is called for this reader: the name, or `Person K7Q2-M9XD`. */
  name(kind: NamedKind, id: string | undefined, name: string | undefined): string
  /** What stands for an id: the id, or `K7Q2-M9XD`. */
  id(kind: NamedKind, id: string): string
  /** Only inside the transaction of `maskingFor`, like the next two. */
  facets(facets: Facets): Promise<Facets>
  /**
   * The question as this reader may ask it: pseudonyms stand for ids, what they cannot see matches nothing. Searching with it
   * needs no further care: what it finds, counts and takes in time says nothing of what is hidden. @throws AppError query_invalid
   */
  query(q: string): Promise<string>
  /** The conditions of a question that nothing can answer while names are hidden, as they are written. */
  unanswered(q: string): Promise<string[]>
  /** What each of these questions, which others wrote, would tell this reader. */
  told(questions: readonly string[]): Promise<Told[]>
  /** Which of these ids may be called by what they name today. */
  openIds(ids: readonly string[]): Promise<ReadonlySet<string>>
  /** Writes down whose names were shown under a reason; nothing may be answered before. Outside of any transaction. */
  settle(): Promise<void>
}

/** How `actor` sees the log of their organisation now. `sql` is the transaction that reads it. */
export async function maskingFor(sql: Sql, actor: Actor): Promise<Masking> {
  const { tenantId } = actor
  const showsEntries = actor.kind === 'api_key'
  if (!isPermitted(actor, 'audit:unmask')) return maskedView({ sql, tenantId, showsEntries })
  // Our own processes read for nobody.
  const state = actor.kind === 'system' ? null : await readUnmaskings(sql, actor)
  if (!state?.isAsked) return openView()
  const all = state.unmaskings.find(({ personId }) => personId === null)
  if (all) return noting(openView(), actor, all)
  return maskedView({ sql, tenantId, showsEntries, shown: await shownIds(sql, tenantId, state.unmaskings) })
}

/** For work that goes on without its reader: as they saw the log when they asked for it. */
export function maskingOf(sql: Sql, tenantId: string, isMasked: boolean): Masking {
  return isMasked ? maskedView({ sql, tenantId, showsEntries: false }) : openView()
}

/** @throws AppError forbidden where this reader could look up the ids in entries */
export function requireEntries({ showsEntries }: Masking): void {
  if (showsEntries) return
  throw new AppError('forbidden', {
    detail:
      'Entries hold ids that lead to names, which are hidden from you. Give a reason to see names first; programs read entries with an API key.',
  })
}

async function shownIds(sql: Sql, tenantId: string, unmaskings: readonly Unmasking[]): Promise<ReadonlySet<string>> {
  const people = unmaskings.flatMap(({ personId }) => personId ?? [])
  return people.length === 0 ? new Set() : ownersAndDevices(sql, tenantId, people)
}

function openView(): Masking {
  return {
    isMasked: false,
    unmaskingId: null,
    showsEntries: true,
    view: (event) => event,
    shows: () => {},
    name: (_kind, id, name) => name ?? id ?? '',
    id: (_kind, id) => id,
    facets: async (facets) => facets,
    query: async (q) => q,
    unanswered: async () => [],
    told: async (questions) => questions.map(() => 'nothing'),
    openIds: async (ids) => new Set(ids),
    settle: async () => {},
  }
}

/** Everything is shown, and whose name it was is kept for `settle`. */
function noting(open: Masking, actor: Actor, unmasking: Unmasking): Masking {
  const seen = new Set<string>()
  const shows = (named: Iterable<string | undefined>) => {
    for (const one of named) if (one !== undefined) seen.add(one)
  }
  return {
    ...open,
    unmaskingId: unmasking.id,
    view: (event) => {
      shows(shownIn(event))
      return event
    },
    shows,
    name: (kind, id, name) => {
      shows([id ?? name])
      return open.name(kind, id, name)
    },
    facets: async (facets) => {
      for (const { field, values } of facets.facets)
        if (field === 'actor' || field === 'device') shows(values.map(({ value }) => value))
      return facets
    },
    settle: () => recordShown(actor, unmasking.id, seen),
  }
}

type View = { sql: Sql; tenantId: string; showsEntries: boolean; shown?: ReadonlySet<string> }

function maskedView({ sql, tenantId, showsEntries, shown = new Set() }: View): Masking {
  const codeOf = pseudonyms(tenantId)
  const hiding: Hiding = { codeOf, isShown: (id) => shown.has(id) }
  const known = async (q: string) => {
    const { codes, ids } = namedIn(q)
    const behind = codes.length === 0 ? new Map() : await idsOf({ sql, tenantId, codeOf }, codes)
    const open = await openIds(sql, tenantId, ids)
    return {
      idsOf: (code: string) => behind.get(code) ?? [],
      // A program meets every id in the entries.
      isOpen: (id: string) => showsEntries || open.has(id) || shown.has(id),
    }
  }
  return {
    isMasked: true,
    unmaskingId: null,
    showsEntries,
    view: (event) => maskEvent(event, hiding),
    shows: () => {},
    name: (kind, id, name) => maskName(kind, id, name, hiding),
    id: (_kind, id) => maskId(id, hiding),
    facets: async (facets) => {
      const values = facets.facets.flatMap(({ field, values }) => (field === 'actor' ? values : []))
      const open = await openIds(
        sql,
        tenantId,
        values.map(({ value }) => value),
      )
      return maskFacets(facets, hiding, (value) => open.has(value))
    },
    query: async (q) => maskQuery(q, await known(q)),
    unanswered: async (q) => unanswered(q, await known(q)),
    told: async (questions) => {
      const ids = questions.flatMap((q) => namedIn(q).ids)
      const open = await openIds(sql, tenantId, ids)
      return questions.map((q) => toldBy(q, (id) => open.has(id) || shown.has(id)))
    },
    openIds: async (ids) => new Set([...(await openIds(sql, tenantId, ids)), ...ids.filter((id) => shown.has(id))]),
    settle: async () => {},
  }
}
