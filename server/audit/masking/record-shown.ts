import 'server-only'
import { z } from 'zod'
import { isUuid } from '#lib/uuid.ts'
import { type Actor, actorId } from '#server/kernel/actor.ts'
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

function newPeople(sql: Sql, actor: Actor, unmaskingId: string, ids: readonly string[]): Promise<Shown[]> {
  const self = actor.kind === 'person' ? [actor.personId] : []
  return sql<Shown>(NEW_PEOPLE, [actor.tenantId, unmaskingId, ids, self])
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
    const people = await newPeople(sql, actor, unmaskingId, ids)
    // Another page of the same reader was quicker.
    if (people.length === 0) throw new AppError('not_found', { detail: 'Everybody has an entry already.' })
    await sql(
      `INSERT INTO audit_unmasked_person (tenant_id, unmasking_id, person_id, until)
       SELECT $1::uuid, $2::uuid, unnest($3::text[]::uuid[]), $4::text::timestamptz`,
      [tenantId, unmaskingId, people.map(({ id }) => id), new Date(act.until).toISOString()],
    )
    const audit = people.map(({ id, name }) => ({
      action: 'audit.unmask' as const,
      target: { type: 'person', id, name },
      correlationId: unmaskingId,
      reason: act.reason,
    }))
    return { result: { isLast: people.length < MOST_AT_ONCE }, audit }
  },
})

/** Everybody whose name was shown gets an entry with the reason, once for each unmasking: it stands on their own page. */
export async function recordShown(actor: Actor, unmaskingId: string, seen: ReadonlySet<string>): Promise<void> {
  const ids = [...seen].filter(isUuid)
  if (ids.length === 0) return
  const missing = await readTransaction(actor.tenantId, ({ sql }) => newPeople(sql, actor, unmaskingId, ids))
  for (let isDone = missing.length === 0; !isDone; ) {
    const { isLast } = await recordPeople(actor, { unmaskingId, ids }).catch((error: unknown) => {
      if (isAppError(error) && error.code === 'not_found') return { isLast: true }
      throw error
    })
    isDone = isLast
  }
}
