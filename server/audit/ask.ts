import 'server-only'
import { z } from 'zod'
import { formatQuery, queryTerms } from '#protocol/audit/query.ts'
import { describeQuery } from '#protocol/audit/query-describe.ts'
import { type Actor, actorId, isPermitted } from '#server/kernel/actor.ts'
import { now } from '#server/kernel/clock.ts'
import type { Sql } from '#server/kernel/db.ts'
import { parseInput } from '#server/kernel/fields.ts'
import { defineQuery, defineSqlQuery, type Query } from '#server/kernel/query.ts'
import { idsInDetail } from './detail-ids.ts'
import { findEvent, namesNow } from './events.ts'
import { facets } from './facets.ts'
import { histogram } from './histogram.ts'
import { type Masking, maskingFor } from './masking/masking.ts'
import { codeIn } from './masking/pseudonyms.ts'
import { type Seen, showing } from './masking/seen.ts'
import { leavesOutSearches, withoutSearches } from './own-searches.ts'
import { readQuery } from './plan.ts'
import { recordOnce } from './record-search.ts'
import { boundsOf, type LogBounds } from './scan.ts'
import {
  type Ask,
  askFields,
  type EventDetail,
  eventInput,
  type Facets,
  facetsInput,
  type Histogram,
  histogramInput,
  type QueryMeaning,
  type SearchResult,
  searchInput,
} from './schema.ts'
import { search } from './search.ts'
import { viewEvent } from './view.ts'

/**
 * A page of the log. Audit: `audit.search`, once for each actor, query and range in ten minutes; nothing is answered that
 * could not be written down. @throws AppError query_invalid · invalid · unavailable
 */
export const searchAudit = recorded(
  searchInput,
  defineSqlQuery({
    name: 'audit.search',
    permission: 'audit:read',
    input: searchInput,
    run: async ({ sql, tenantId, actor, input }): Promise<Seen<SearchResult>> => {
      const { masking, bounds } = await openLog(sql, actor)
      const found = await search(sql, tenantId, { ...input, bounds, q: await lookedFor(masking, input.q) })
      return { answer: { ...found, items: found.items.map(masking.view) }, masking }
    },
  }),
)

/** Matches over time by outcome; belongs to the search of the same query and range. @throws AppError query_invalid · unavailable */
export const auditHistogram = recorded(
  histogramInput,
  defineSqlQuery({
    name: 'audit.histogram',
    permission: 'audit:read',
    input: histogramInput,
    run: async ({ sql, tenantId, actor, input, now }): Promise<Seen<Histogram>> => {
      const { masking, bounds } = await openLog(sql, actor)
      const asked = { ...input, bounds, q: await lookedFor(masking, input.q) }
      return { answer: await histogram(sql, tenantId, asked, now), masking }
    },
  }),
)

/** The most frequent values among the newest matches; belongs to the search, too. @throws AppError query_invalid · unavailable */
export const auditFacets = recorded(
  facetsInput,
  defineSqlQuery({
    name: 'audit.facets',
    permission: 'audit:read',
    input: facetsInput,
    run: async ({ sql, tenantId, actor, input }): Promise<Seen<Facets>> => {
      const { masking, bounds } = await openLog(sql, actor)
      const found = await facets(sql, tenantId, { ...input, bounds, q: await lookedFor(masking, input.q) })
      return { answer: await masking.facets(found), masking }
    },
  }),
)

/** The question as its reader may ask it, without the entries that questions themselves write. */
async function lookedFor(masking: Masking, q: string): Promise<string> {
  return withoutSearches(readQuery(q), await masking.query(q), readQuery)
}

/** What each of them needs first, asked for in one round trip. */
async function openLog(sql: Sql, actor: Actor): Promise<{ masking: Masking; bounds: LogBounds | null }> {
  const [masking, bounds] = await Promise.all([maskingFor(sql, actor), boundsOf(sql, actor.tenantId, {})])
  return { masking, bounds }
}

/** One event. Opened from a search it belongs to that search; by itself it is a search for its id. @throws AppError not_found */
export const getAuditEvent = recorded(
  eventInput.transform(({ q, ...rest }) => ({ ...rest, q: q ?? rest.eventId })),
  defineQuery({
    name: 'audit.event',
    permission: 'audit:read',
    input: eventInput,
    run: async ({ tx, sql, tenantId, actor, input }): Promise<Seen<EventDetail>> => {
      const masking = await maskingFor(sql, actor)
      const found = await findEvent(sql, tenantId, input.eventId)
      const event = masking.view(viewEvent(found))
      // A pseudonym is no id: what it stands for has no name here.
      const others = masking.isMasked ? [] : [event.policy?.id, ...idsInDetail(event.detail)]
      masking.shows(others)
      const ids = [event.actor.id, event.device?.id, event.target?.id, ...others].filter((id) => id !== undefined)
      // What an app calls a file may be anybody's id.
      const names = await namesNow(tx, tenantId, [...(await masking.openIds(ids))])
      return { answer: { event, entry: masking.showsEntries ? found.text : null, namesNow: names }, masking }
    },
  }),
)

type Asking = Pick<Ask, 'q' | 'from' | 'to'>

/**
 * A door whose use is written down: the answer and its records wait for each other. The search and its own record run at the same
 * time; whose names were shown is known only with the answer.
 */
export function recorded<I, O extends Asking, R>(schema: z.ZodType<O, I>, query: Query<never, Seen<R>>) {
  const run = async (actor: Actor, raw: I): Promise<R> => {
    const input = parseInput(schema, raw)
    const normal = formatQuery(readQuery(input.q))
    // A refusal is written down before it is given.
    if (!isPermitted(actor, query.summary.permission)) await recordOnce(actor, normal, input)
    // The query parses what it is given again: the same text.
    const [found, written] = await Promise.allSettled([query(actor, raw as never), recordOnce(actor, normal, input)])
    if (written.status === 'rejected') throw written.reason
    if (found.status === 'rejected') throw found.reason
    const { answer, masking } = found.value
    await masking.settle()
    return answer
  }
  return Object.assign(run, { summary: query.summary })
}

/** Whether a file of the log is a bundle of entries. */
export function holdsEntries(path: string): boolean {
  return /(?:^|\/)tile\/entries\//.test(path)
}

/** Who reads all entries asks for thousands of bundles: this process remembers for a minute that it was written down. */
const ENTRIES_NOTED_MS = 60_000
const noted = new Map<string, number>()

/** A door to the log's files: reading entries is written down like a search for everything. */
export function recordingEntries<I extends { path: string }, R>(query: Query<I, R>) {
  const run = async (actor: Actor, input: I): Promise<R> => {
    const found = await query(actor, input)
    if (holdsEntries(input.path)) await noteEntries(actor)
    return found
  }
  return Object.assign(run, { summary: query.summary })
}

async function noteEntries(actor: Actor): Promise<void> {
  const reader = `${actor.tenantId}.${actorId(actor)}`
  const at = now().getTime()
  if (at - (noted.get(reader) ?? 0) < ENTRIES_NOTED_MS) return
  await recordOnce(actor, '', { from: undefined, to: undefined })
  for (const [known, since] of noted) if (at - since >= ENTRIES_NOTED_MS) noted.delete(known)
  noted.set(reader, at)
}

/** What a query means, with today's names for the ids in it. @throws AppError query_invalid */
export const describeAuditQuery = showing(
  defineQuery({
    name: 'audit.describe',
    permission: 'audit:read',
    input: z.object({ q: askFields.q }),
    run: async ({ tx, sql, tenantId, actor, input }): Promise<Seen<QueryMeaning>> => {
      const query = readQuery(input.q)
      const masking = await maskingFor(sql, actor)
      // What cannot be asked is said here, as any other mistake.
      await masking.query(input.q)
      const ids = await masking.openIds(queryTerms(query).map(({ value }) => value.toLowerCase()))
      const names = await namesNow(tx, tenantId, [...ids])
      masking.shows(Object.keys(names))
      const labelOf = (value: string) =>
        names[value.toLowerCase()] ?? (masking.isMasked ? codeIn(value) : null) ?? undefined
      const answer: QueryMeaning = {
        described: describeQuery(query, (_field, value) => labelOf(value)),
        normal: formatQuery(query),
        unanswered: await masking.unanswered(input.q),
        leavesOutSearches: leavesOutSearches(query),
      }
      return { answer, masking }
    },
  }),
)
