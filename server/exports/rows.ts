import 'server-only'
import { z } from 'zod'
import type { BundleFormat } from '#protocol/audit/bundle.ts'
import type { ExportedUnder, MatchesPlace, StoredMember, WrittenPart } from '#server/audit/jobs.ts'
import { type Actor, actorId } from '#server/kernel/actor.ts'
import type { Sql } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import type { ExportState, ExportView } from './schema.ts'

/** Whose exports: everybody sees their own, and the worker all. */
type Whose = Actor | 'anyone'

/** What the worker needs to know of an export. */
export type ExportAsk = {
  id: string
  matching: string
  q: string
  from: string | undefined
  to: string | undefined
  format: BundleFormat
  timeZone: string
  asOf: number
  masked: boolean
  /** Names are in it for a reason: everybody named gets an entry. */
  shownUnder: ExportedUnder | null
}

type Row = {
  id: string
  q: string
  matching: string
  from_time: string | null
  to_time: string | null
  format: BundleFormat
  time_zone: string
  as_of: string
  masked: boolean
  unmasking_id: string | null
  unmask_reason: string | null
  actor_kind: string
  actor_id: string
  created_at: Date | string
  is_cancelled: boolean
  state: Exclude<ExportState, 'queued'> | null
  looked_through: string | null
  events: string | null
  problem: string | null
  members: unknown
  size_bytes: string | null
  checkpoint_size: string | null
  finished_at: Date | string | null
  expires_at: Date | string | null
}

const COLUMNS = `e.id::text, e.q, e.matching, e.from_time, e.to_time, e.format, e.time_zone, e.as_of::text, e.masked, e.created_at,
  e.unmasking_id::text, e.unmask_reason, e.actor_kind, e.actor_id,
  e.cancelled_at IS NOT NULL AS is_cancelled, r.state, r.looked_through::text, r.events::text, r.problem, r.members,
  r.size_bytes::text, r.checkpoint_size::text, r.finished_at, r.expires_at`
const TABLES = 'audit_export e LEFT JOIN audit_export_run r ON r.tenant_id = e.tenant_id AND r.id = e.id'

/** An export and how far it is. */
export type StoredExport = { ask: ExportAsk; view: Omit<ExportView, 'isShown'>; members: StoredMember[] | null }

/** The newest exports of one asker. Index: audit_export_own. */
export async function readOwnExports(
  sql: Sql,
  actor: Actor,
  { before, limit }: { before?: string | undefined; limit: number },
): Promise<StoredExport[]> {
  const rows = await sql<Row>(
    `SELECT ${COLUMNS} FROM ${TABLES}
      WHERE e.tenant_id = $1::uuid AND e.actor_kind = $2::text AND e.actor_id = $3::text AND ($4::text IS NULL OR e.id < $4::text::uuid)
      ORDER BY e.id DESC LIMIT $5::integer`,
    [actor.tenantId, actor.kind, actorId(actor), before ?? null, limit],
  )
  return rows.map(readRow)
}

/** Index: the primary key. @throws AppError not_found, also for somebody else's */
export async function readExport(sql: Sql, tenantId: string, id: string, whose: Whose): Promise<StoredExport> {
  const owner = whose === 'anyone' ? [null, null] : [whose.kind, actorId(whose)]
  const [row] = await sql<Row>(
    `SELECT ${COLUMNS} FROM ${TABLES}
      WHERE e.tenant_id = $1::uuid AND e.id = $2::uuid AND ($3::text IS NULL OR (e.actor_kind = $3::text AND e.actor_id = $4::text))`,
    [tenantId, id, ...owner],
  )
  if (!row) throw new AppError('not_found', { detail: 'There is no such export.' })
  return readRow(row)
}

const problemSchema = z.object({
  code: z.enum(['entry_altered', 'not_signed', 'too_large', 'failed']),
  index: z.number().nullable(),
})
const membersSchema: z.ZodType<StoredMember[]> = z.array(
  z.object({
    name: z.string(),
    sizeBytes: z.number(),
    crc32: z.number(),
    files: z.array(z.object({ file: z.string(), sizeBytes: z.number(), sha256: z.string(), crc32: z.number() })),
  }),
)

function readRow(row: Row): StoredExport {
  const state = stateOf(row)
  const members = row.members === null ? null : membersSchema.parse(row.members)
  const asOf = Number(row.as_of)
  const looked = Number(row.looked_through ?? 0)
  const isOver = state === 'sealing' || state === 'ready' || state === 'expired'
  const [from, to] = [row.from_time, row.to_time]
  const { id, q, format, masked, matching } = row
  return {
    ask: {
      id,
      matching,
      q,
      from: from ?? undefined,
      to: to ?? undefined,
      format,
      timeZone: row.time_zone,
      asOf,
      masked,
      shownUnder: shownUnder(row),
    },
    members,
    view: {
      id,
      state,
      q,
      from,
      to,
      format,
      timeZone: row.time_zone,
      asOf,
      masked,
      createdAt: timeOf(row.created_at),
      finishedAt: row.finished_at && timeOf(row.finished_at),
      expiresAt: row.expires_at && timeOf(row.expires_at),
      progress: isOver || asOf === 0 ? 1 : Math.min(1, looked / asOf),
      events: Number(row.events ?? 0),
      parts: [],
      sizeBytes: row.size_bytes === null ? null : Number(row.size_bytes),
      checkpointSize: row.checkpoint_size === null ? null : Number(row.checkpoint_size),
      problem: row.problem === null ? null : problemSchema.parse(JSON.parse(row.problem)),
    },
  }
}

function shownUnder({ id, unmasking_id, unmask_reason, actor_kind, actor_id }: Row): ExportedUnder | null {
  if (unmasking_id === null || unmask_reason === null) return null
  const kind = actor_kind === 'api_key' ? 'api_key' : 'person'
  return { unmaskingId: unmasking_id, reason: unmask_reason, exportId: id, reader: { kind, id: actor_id } }
}

function stateOf({ state, is_cancelled }: Row): ExportState {
  if (state === 'ready' || state === 'failed' || state === 'expired') return state
  return is_cancelled ? 'cancelled' : (state ?? 'queued')
}

function timeOf(time: Date | string): string {
  return new Date(time).toISOString()
}

/** A part as it is remembered: the files, and where the next one begins. */
export type StoredPart = WrittenPart & { place: MatchesPlace; isLast: boolean }

type PartRow = { document: unknown; place: unknown; is_last: boolean }

const fileSchema = z.object({ file: z.string(), sizeBytes: z.number(), sha256: z.string(), crc32: z.number() })
const partSchema = z.object({
  stored: fileSchema,
  leaves: fileSchema,
  events: z.object({ count: z.number(), first: z.number(), last: z.number() }),
  days: z.record(z.string(), z.number()),
})
const placeSchema = z.object({ after: z.number().nullable(), time: z.number() })

/** The parts that are written, in order. Index: the primary key. */
export async function readParts(sql: Sql, tenantId: string, id: string): Promise<StoredPart[]> {
  const rows = await sql<PartRow>(
    'SELECT document, place, is_last FROM audit_export_part WHERE tenant_id = $1::uuid AND id = $2::uuid ORDER BY number',
    [tenantId, id],
  )
  return rows.map(({ document, place, is_last }) => ({
    ...partSchema.parse(document),
    place: placeSchema.parse(place),
    isLast: is_last,
  }))
}

/** Remembers a part that is on the disk. */
export async function insertPart(
  sql: Sql,
  tenantId: string,
  { id, number, part }: { id: string; number: number; part: StoredPart },
): Promise<void> {
  const { place, isLast, ...document } = part
  await sql(
    `INSERT INTO audit_export_part (tenant_id, id, number, document, place, is_last)
     VALUES ($1::uuid, $2::uuid, $3::integer, $4::text::jsonb, $5::text::jsonb, $6::boolean)`,
    [tenantId, id, number, JSON.stringify(document), JSON.stringify(place), isLast],
  )
}
