import 'server-only'
import { z } from 'zod'
import { base64Encode, utf8Encode } from '#lib/bytes.ts'
import {
  type ActionCategory,
  AUDIT_ACTIONS,
  type AuditAction,
  categoryOf,
  deviceMayState,
} from '#protocol/audit/actions.ts'
import { parseCheckpoint } from '#protocol/audit/checkpoint.ts'
import { proveInclusion } from '#protocol/audit/merkle-prove.ts'
import { parseNote } from '#protocol/audit/note.ts'
import { formatTlogProof } from '#protocol/audit/proof.ts'
import { formatQuery, type QueryNode, type QueryTerm } from '#protocol/audit/query.ts'
import { describeQuery } from '#protocol/audit/query-describe.ts'
import { type Actor, isPermitted } from '#server/kernel/actor.ts'
import type { Sql } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { parseInput, uuidField } from '#server/kernel/fields.ts'
import { defineQuery, type Query } from '#server/kernel/query.ts'
import { listCheckpoints, logState } from './checkpoints.ts'
import { proveEvent } from './event-proof.ts'
import { findEvent, namesNow } from './events.ts'
import { facets } from './facets.ts'
import { histogram } from './histogram.ts'
import { readLogFile } from './log-files.ts'
import { readSigner } from './log-key.ts'
import { planOf, readQuery } from './plan.ts'
import { recordOnce } from './record-search.ts'
import { logBounds } from './scan.ts'
import {
  type Ask,
  askFields,
  consistencyInput,
  type EventDetail,
  eventInput,
  facetsInput,
  histogramInput,
  inclusionInput,
  type QueryMeaning,
  searchInput,
  type Trust,
} from './schema.ts'
import { findPage, search } from './search.ts'
import { consistencyProof, inclusionProof, readHead, tileReader } from './tree.ts'
import { viewEvent } from './view.ts'

export { getMapping, listMappings } from './import/mappings.ts'
export {
  getPurgeCertificate,
  getRetention,
  holdNames,
  listHolds,
  listPurges,
  type PurgedRange,
  previewKeeping,
  previewPersonErasure,
  purgeCertificates,
  purgedRanges,
} from './keeping/queries.ts'

/**
 * A page of the log. Audit: `audit.search`, once for each actor, query and range in ten minutes; nothing is answered that
 * could not be written down. @throws AppError query_invalid · invalid · unavailable
 */
export const searchAudit = recorded(
  searchInput,
  defineQuery({
    name: 'audit.search',
    permission: 'audit:read',
    input: searchInput,
    run: ({ sql, tenantId, input }) => search(sql, tenantId, input),
  }),
)

/** Matches over time by outcome; belongs to the search of the same query and range. @throws AppError query_invalid · unavailable */
export const auditHistogram = recorded(
  histogramInput,
  defineQuery({
    name: 'audit.histogram',
    permission: 'audit:read',
    input: histogramInput,
    run: ({ sql, tenantId, input, now }) => histogram(sql, tenantId, input, now),
  }),
)

/** The most frequent values among the newest matches; belongs to the search, too. @throws AppError query_invalid · unavailable */
export const auditFacets = recorded(
  facetsInput,
  defineQuery({
    name: 'audit.facets',
    permission: 'audit:read',
    input: facetsInput,
    run: ({ sql, tenantId, input }) => facets(sql, tenantId, input),
  }),
)

/** One event. Opened from a search it belongs to that search; by itself it is a search for its id. @throws AppError not_found */
export const getAuditEvent = recorded(
  eventInput.transform(({ q, ...rest }) => ({ ...rest, q: q ?? rest.eventId })),
  defineQuery({
    name: 'audit.event',
    permission: 'audit:read',
    input: eventInput,
    run: async ({ tx, sql, tenantId, input }): Promise<EventDetail> => {
      const found = await findEvent(sql, tenantId, input.eventId)
      const event = viewEvent(found)
      const names = await namesNow(tx, tenantId, [event.actor.id, event.device?.id, event.target?.id])
      return { event, entry: found.text, namesNow: names }
    },
  }),
)

type Asking = Pick<Ask, 'q' | 'from' | 'to'>

/** The search and its record run at the same time; the answer waits for both. */
function recorded<I, O extends Asking, R>(schema: z.ZodType<O, I>, query: Query<never, R>) {
  const run = async (actor: Actor, raw: I): Promise<R> => {
    const input = parseInput(schema, raw)
    const normal = formatQuery(readQuery(input.q))
    // A refusal is written down before it is given.
    if (!isPermitted(actor, query.summary.permission)) await recordOnce(actor, normal, input)
    // The query parses what it is given again: the same text.
    const [found, written] = await Promise.allSettled([query(actor, raw as never), recordOnce(actor, normal, input)])
    if (written.status === 'rejected') throw written.reason
    if (found.status === 'rejected') throw found.reason
    return found.value
  }
  return Object.assign(run, { summary: query.summary })
}

/** What a query means, with today's names for the ids in it. @throws AppError query_invalid */
export const describeAuditQuery = defineQuery({
  name: 'audit.describe',
  permission: 'audit:read',
  input: z.object({ q: askFields.q }),
  run: async ({ tx, tenantId, input }): Promise<QueryMeaning> => {
    const query = readQuery(input.q)
    const ids = termsOf(query).map(({ value }) => value.toLowerCase())
    const names = await namesNow(tx, tenantId, ids)
    return {
      described: describeQuery(query, (_field, value) => names[value.toLowerCase()]),
      normal: formatQuery(query),
    }
  },
})

function termsOf(query: QueryNode): QueryTerm[] {
  switch (query.kind) {
    case 'all':
      return []
    case 'term':
      return [query]
    case 'not':
      return termsOf(query.item)
    default:
      return query.items.flatMap(termsOf)
  }
}

export { CAPTURES_QUERY, type CaptureDays, countCaptures } from './captures.ts'
export { listOwnRecords } from './own-records.ts'
export { listAuditViews } from './views/list-views.ts'
export { viewersQuery, whoSaw } from './viewers/who-saw.ts'

export type ActionView = { action: AuditAction; category: ActionCategory; statedBy: 'server' | 'anyone' }

/** Every action that the product itself writes. */
export const listAuditActions = defineQuery({
  name: 'audit.actions',
  permission: 'audit:read',
  input: z.object({}),
  run: async (): Promise<{ items: ActionView[]; nextCursor: null }> => ({
    items: AUDIT_ACTIONS.map((action) => ({
      action,
      category: categoryOf(action),
      statedBy: deviceMayState(action) ? 'anyone' : 'server',
    })),
    nextCursor: null,
  }),
})

/** Proof that leaf `index` is in the tree of `size` leaves (all of them unless given). Hashes are base64. @throws AppError invalid */
export const getInclusionProof = defineQuery({
  name: 'audit.proof.inclusion',
  permission: 'audit:read',
  input: inclusionInput,
  run: ({ sql, tenantId, input }) => inclusionProof(sql, tenantId, input),
})

/** Proof that the tree of `to` leaves (all of them unless given) extends the one of `from`. @throws AppError invalid */
export const getConsistencyProof = defineQuery({
  name: 'audit.proof.consistency',
  permission: 'audit:read',
  input: consistencyInput,
  run: ({ sql, tenantId, input }) => consistencyProof(sql, tenantId, input),
})

/** Proves one event from the tiles, now. @throws AppError not_found */
export const getEventProof = defineQuery({
  name: 'audit.proof.event',
  permission: 'audit:read',
  input: z.object({ eventId: uuidField() }),
  run: ({ sql, tenantId, input }) => proveEvent(sql, tenantId, input.eventId),
})

/** The `.tlog-proof` of one event, its entry inside (c2sp.org/tlog-proof). @throws AppError not_found · conflict until it is signed */
export const getTlogProof = defineQuery({
  name: 'audit.proof.file',
  permission: 'audit:read',
  input: z.object({ eventId: uuidField() }),
  run: async ({ sql, tenantId, input }): Promise<{ name: string; text: string }> => {
    const { index, text } = await findEvent(sql, tenantId, input.eventId)
    const [newest] = await listCheckpoints(sql, tenantId, 1)
    if (!newest || newest.size <= index) {
      throw new AppError('conflict', {
        detail: 'No checkpoint covers this event yet. One is signed every ten seconds.',
      })
    }
    const head = await readHead(sql, tenantId)
    const hashes = await proveInclusion(index, newest.size, tileReader(sql, tenantId, head))
    return {
      name: `${input.eventId}.tlog-proof`,
      text: formatTlogProof({ index, hashes, checkpoint: newest.note, extra: utf8Encode(text) }),
    }
  },
})

const SHOWN_CHECKPOINTS = 10

/** How the log stands against what was signed and published; computed each time. */
export const getTrust = defineQuery({
  name: 'audit.trust',
  permission: 'audit:read',
  input: z.object({}),
  run: async ({ sql, tenantId }): Promise<Trust> => {
    const head = await readHead(sql, tenantId)
    const checkpoints = await listCheckpoints(sql, tenantId, SHOWN_CHECKPOINTS)
    const signer = await readSigner(tenantId)
    return {
      state: await logState(sql, tenantId, head),
      origin: head.origin,
      vkey: signer?.vkey ?? null,
      size: head.size,
      checkpoints: checkpoints.map(({ size, note, signedAt }) => ({
        size,
        root: base64Encode(parseCheckpoint(parseNote(note).text).root),
        signedAt: signedAt.toISOString(),
      })),
      note: checkpoints[0]?.note ?? null,
      verified: await lastVerified(sql, tenantId),
    }
  },
})

/** A file of the log as other people's tools read it: `checkpoint`, `key`, `tile/…`, `tile/entries/…`. @throws AppError not_found · gone */
export const getLogFile = defineQuery({
  name: 'audit.log_file',
  permission: 'audit:read',
  input: z.object({ path: z.string().max(200) }),
  run: ({ sql, tenantId, input }) => readLogFile(sql, tenantId, input.path),
})

/** The last verification on request, as the log itself tells it. */
async function lastVerified(sql: Sql, tenantId: string): Promise<Trust['verified']> {
  const bounds = await logBounds(sql, tenantId)
  if (!bounds) return null
  const ask = { order: 'newest' as const, limit: 1 }
  const plan = planOf('action:audit.verify', tenantId)
  const { items } = await findPage(sql, { tenantId, plan, ask, bounds, place: null, budgetMs: 500 })
  const [last] = items
  if (!last) return null
  return {
    at: last.entry.recordedAt,
    ok: last.entry.outcome === 'allowed',
    size: Number(last.personal?.detail?.size ?? 0),
  }
}
