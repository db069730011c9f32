import 'server-only'
import type { AuditEntry } from '#protocol/audit/entry.ts'
import type { Personal } from '#protocol/audit/personal.ts'
import { matchesQuery } from '#protocol/audit/query-match.ts'
import { readTransaction, type Sql } from '#server/kernel/db.ts'
import { readQuery } from '../plan.ts'
import { readRevision } from './rules.ts'
import type { HoldKind } from './schema.ts'

/** A hold ready to be asked: several questions where one would be too long; an event that any of them finds is held. */
export type Hold = {
  id: string
  name: string
  questions: readonly string[]
  from: string | undefined
  to: string | undefined
}

type Row = {
  id: string
  name: string
  kind: HoldKind
  target: string | null
  q: string | null
  from: Date | string | null
  to: Date | string | null
}

/** Terms of one question. */
const MOST_TERMS = 40

/** The holds in force. Devices of a person and copies of a file are those of this moment. */
export async function holdsInForce(sql: Sql, tenantId: string): Promise<Hold[]> {
  const rows = await sql<Row>(
    `SELECT id::text, name, kind, target_id::text AS target, q, occurred_from AS from, occurred_to AS to
       FROM audit_hold WHERE tenant_id = $1::uuid AND released_at IS NULL ORDER BY id`,
    [tenantId],
  )
  const holds: Hold[] = []
  for (const row of rows)
    holds.push({
      id: row.id,
      name: row.name,
      questions: await questionsOf(sql, tenantId, row),
      from: row.from === null ? undefined : new Date(row.from).toISOString(),
      to: row.to === null ? undefined : new Date(row.to).toISOString(),
    })
  return holds
}

/** The holds in force and which state of rules and holds that is. */
export function readHolds(tenantId: string): Promise<{ revision: number; holds: Hold[] }> {
  return readTransaction(tenantId, async ({ sql }) => ({
    revision: await readRevision(sql, tenantId),
    holds: await holdsInForce(sql, tenantId),
  }))
}

async function questionsOf(sql: Sql, tenantId: string, { kind, target, q }: Row): Promise<string[]> {
  if (target === null) return [q ?? '']
  switch (kind) {
    case 'person':
      return questionsAbout(sql, tenantId, target)
    case 'device':
      return [`device:${target} OR target:${target} OR actor:${target}`]
    case 'file':
      return anyOf((await lineageOf(sql, tenantId, target)).map((id) => `target:${id}`))
    case 'search':
      return [q ?? '']
  }
}

/** What finds the events of a person: what they did, what was done to them, and to and by their devices. */
export async function questionsAbout(sql: Sql, tenantId: string, personId: string): Promise<string[]> {
  const devices = await sql<{ id: string }>(
    'SELECT id::text FROM device WHERE tenant_id = $1::uuid AND person_id = $2::uuid ORDER BY id',
    [tenantId, personId],
  )
  return anyOf([
    `actor:${personId}`,
    `target:${personId}`,
    ...devices.flatMap(({ id }) => [`device:${id}`, `target:${id}`]),
  ])
}

/** The file, what it was made of and every copy of that: one matter. */
async function lineageOf(sql: Sql, tenantId: string, fileId: string): Promise<string[]> {
  const rows = await sql<{ id: string }>(
    `SELECT f.id::text FROM file f WHERE f.tenant_id = $1::uuid
        AND f.root_id = (SELECT o.root_id FROM file o WHERE o.tenant_id = $1::uuid AND o.id = $2::uuid) ORDER BY f.id`,
    [tenantId, fileId],
  )
  return rows.length > 0 ? rows.map(({ id }) => id) : [fileId]
}

function anyOf(terms: readonly string[]): string[] {
  const questions: string[] = []
  for (let at = 0; at < terms.length; at += MOST_TERMS) questions.push(terms.slice(at, at + MOST_TERMS).join(' OR '))
  return questions
}

/** Says which holds keep an event, by its own text and values: what a hold protects does not hang on the index. */
export function readHolders(holds: readonly Hold[]): (entry: AuditEntry, personal: Personal | undefined) => Hold[] {
  const asking = holds.map((hold) => ({ hold, queries: hold.questions.map(readQuery) }))
  return (entry, personal) =>
    asking.flatMap(({ hold, queries }) => {
      const { from, to } = hold
      if ((from !== undefined && entry.occurredAt < from) || (to !== undefined && entry.occurredAt >= to)) return []
      return queries.some((query) => matchesQuery(query, entry, personal)) ? [hold] : []
    })
}
