import 'server-only'
import { z } from 'zod'
import { isUuid } from '#lib/uuid.ts'
import { type Actor, type ActorKind, actorId, systemActor } from '#server/kernel/actor.ts'
import { defineCommand } from '#server/kernel/command.ts'
import { readTransaction, type Sql } from '#server/kernel/db.ts'
import { AppError, isAppError } from '#server/kernel/errors.ts'
import { uuidField } from '#server/kernel/fields.ts'
import { sessionOf } from './unmaskings.ts'

/** People of one entry each in one transaction; more follow in the next. */
const MOST_AT_ONCE = 1_000

type Shown = { id: string; name: string }

/**
 * People whose own name, or whose device's, is among these ids and who have no entry of this unmasking yet. The reader needs
 * none of themselves. Indexes: the primary keys.
 */
const NEW_PEOPLE = `
  SELECT p.id::text, p.name FROM person p
   WHERE p.tenant_id = $1::uuid AND p.id <> ALL($4::text[]::uuid[])
     AND p.id IN (SELECT unnest($3::text[]::uuid[])
                  UNION SELECT d.person_id FROM device d WHERE d.tenant_id = $1::uuid AND d.id = ANY($3::text[]::uuid[]))
     AND NOT EXISTS (SELECT FROM audit_unmasked_person u WHERE u.tenant_id = $1::uuid AND u.unmasking_id = $2::uuid AND u.person_id = p.id)
   ORDER BY p.id LIMIT ${MOST_AT_ONCE}`

type Reader = { tenantId: string; kind: ActorKind; id: string }

function newPeople(sql: Sql, reader: Reader, unmaskingId: string, ids: readonly string[]): Promise<Shown[]> {
  const self = reader.kind === 'person' ? [reader.id] : []
  return sql<Shown>(NEW_PEOPLE, [reader.tenantId, unmaskingId, ids, self])
}

function readerOf(actor: Actor): Reader {
  return { tenantId: actor.tenantId, kind: actor.kind, id: actorId(actor) }
}

const recordPeople = defineCommand({
  action: 'audit.unmask',
  name: 'audit.unmask.shown',
  permission: 'audit:unmask',
  risk: 'none',
  input: z.object({ unmaskingId: uuidField(), ids: z.array(uuidField()) }),
  execute: async ({ sql, actor, tenantId, input: { unmaskingId, ids } }) => {
    // The lock makes two pages of one reader take turns: each person has one entry.
    const [act] = await sql<{ reason: string; until: Date | string }>(
      `SELECT reason, until FROM audit_unmasking
        WHERE tenant_id = $1::uuid AND id = $2::uuid AND actor_id = $3::text AND session_id IS NOT DISTINCT FROM $4::text::uuid FOR UPDATE`,
      [tenantId, unmaskingId, actorId(actor), sessionOf(actor)],
    )
    if (!act) throw new Error(`names were shown under ${unmaskingId}, which is not this actor's`)
    const people = await newPeople(sql, readerOf(actor), unmaskingId, ids)
    // Another page of the same reader was quicker.
    if (people.length === 0) throw new AppError('not_found', { detail: 'Everybody has an entry already.' })
    await keepPeople(sql, { tenantId, unmaskingId, people, until: new Date(act.until) })
    const audit = people.map(({ id, name }) => ({
      action: 'audit.unmask' as const,
      target: { type: 'person', id, name },
      correlationId: unmaskingId,
      reason: act.reason,
    }))
    return { result: { isLast: people.length < MOST_AT_ONCE }, audit }
  },
})

/** Longer than any name or address. */
const MOST_LETTERS = 320

/**
 * People by what they are called where no id is known: an address is one person's, a name that of everybody who has it today. And who
 * asked for what a brake request names. Indexes: person_email_lower, person_name, the primary key.
 */
const CALLED = `
  SELECT p.id::text FROM person p WHERE p.tenant_id = $1::uuid AND lower(p.email) IN (SELECT lower(t) FROM unnest($2::text[]) AS t)
   UNION SELECT p.id::text FROM person p WHERE p.tenant_id = $1::uuid AND lower(p.name) IN (SELECT lower(t) FROM unnest($2::text[]) AS t)
   UNION SELECT r.requester_id::text FROM brake_request r
          WHERE r.tenant_id = $1::uuid AND r.id = ANY($3::text[]::uuid[]) AND r.requester_kind = 'person'`

/** Ids for everything that was shown: those it was known by, and those of who is called by the rest. */
async function idsShown(sql: Sql, tenantId: string, seen: ReadonlySet<string>): Promise<string[]> {
  const all = [...seen]
  const ids = all.filter(isUuid)
  const texts = all.filter((text) => !isUuid(text)).map((text) => text.trim())
  const called = texts.filter((text) => text.length <= MOST_LETTERS && /\p{L}/u.test(text))
  const found = await sql<{ id: string }>(CALLED, [tenantId, called, ids])
  return [...ids, ...found.map(({ id }) => id)]
}

type Missing = { ids: string[]; isNobody: boolean }

function whoIsMissing(reader: Reader, unmaskingId: string, seen: ReadonlySet<string>): Promise<Missing> {
  return readTransaction(reader.tenantId, async ({ sql }) => {
    const ids = await idsShown(sql, reader.tenantId, seen)
    const isNobody = ids.length === 0 || (await newPeople(sql, reader, unmaskingId, ids)).length === 0
    return { ids, isNobody }
  })
}

/**
 * Everybody whose name was shown gets an entry with the reason, once for each unmasking: it stands on their own page. `seen` holds
 * ids, and names and addresses where no id is known.
 */
export async function recordShown(actor: Actor, unmaskingId: string, seen: ReadonlySet<string>): Promise<void> {
  if (seen.size === 0) return
  const { ids, isNobody } = await whoIsMissing(readerOf(actor), unmaskingId, seen)
  if (!isNobody) await untilLast(() => recordPeople(actor, { unmaskingId, ids }))
}

/** Entries are written some people at a time; that nobody lacks one any more is an end, too. */
async function untilLast(record: () => Promise<{ isLast: boolean }>): Promise<void> {
  for (let isOver = false; !isOver; ) {
    const { isLast } = await record().catch((error: unknown) => {
      if (isAppError(error) && error.code === 'not_found') return { isLast: true }
      throw error
    })
    isOver = isLast
  }
}

type Keeping = { tenantId: string; unmaskingId: string; people: readonly Shown[]; until: Date }

async function keepPeople(sql: Sql, { tenantId, unmaskingId, people, until }: Keeping): Promise<void> {
  await sql(
    `INSERT INTO audit_unmasked_person (tenant_id, unmasking_id, person_id, until)
     SELECT $1::uuid, $2::uuid, unnest($3::text[]::uuid[]), $4::text::timestamptz`,
    [tenantId, unmaskingId, people.map(({ id }) => id), until.toISOString()],
  )
}

const recordInFile = defineCommand({
  action: 'audit.unmask',
  name: 'audit.unmask.exported',
  permission: 'system',
  risk: 'none',
  input: z.object({
    unmaskingId: uuidField(),
    reason: z.string(),
    exportId: uuidField(),
    reader: z.object({ kind: z.enum(['person', 'api_key']), id: z.string() }),
    ids: z.array(uuidField()),
  }),
  execute: async ({ sql, tenantId, input: { unmaskingId, reason, exportId, reader, ids }, now }) => {
    // Two exports of one act take turns: each person has one entry.
    await sql(`SELECT pg_advisory_xact_lock(hashtextextended('unmasking:' || $1::text, 0))::text AS locked`, [
      unmaskingId,
    ])
    const people = await newPeople(sql, { tenantId, ...reader }, unmaskingId, ids)
    if (people.length === 0) throw new AppError('not_found', { detail: 'Everybody has an entry already.' })
    await keepPeople(sql, { tenantId, unmaskingId, people, until: now })
    const [named] = await sql<{ name: string }>(
      `SELECT name FROM person WHERE tenant_id = $1::uuid AND id = $2::uuid
       UNION ALL SELECT name FROM api_key WHERE tenant_id = $1::uuid AND id = $2::uuid`,
      [tenantId, reader.id],
    )
    const audit = people.map(({ id, name }) => ({
      action: 'audit.unmask' as const,
      // Who sees the file sees the name; the worker only writes it.
      actor: { ...reader, name: named?.name ?? reader.id },
      target: { type: 'person', id, name },
      correlationId: unmaskingId,
      reason,
      detail: { export: exportId },
    }))
    return { result: { isLast: people.length < MOST_AT_ONCE }, audit }
  },
})

/** What was exported under a reason, by whom. */
export type ExportedUnder = {
  unmaskingId: string
  reason: string
  exportId: string
  reader: { kind: 'person' | 'api_key'; id: string }
}

/**
 * Everybody whose name, or whose device's, stands in a file that was asked for under a reason gets an entry with it; before it can be had.
 * `seen` as for `recordShown`.
 */
export async function recordExported(tenantId: string, under: ExportedUnder, seen: ReadonlySet<string>): Promise<void> {
  const { ids, isNobody } = await whoIsMissing({ tenantId, ...under.reader }, under.unmaskingId, seen)
  if (!isNobody) await untilLast(() => recordInFile(systemActor(tenantId, 'exports'), { ...under, ids }))
}
