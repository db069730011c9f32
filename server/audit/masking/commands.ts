import 'server-only'
import { z } from 'zod'
import { formatTime } from '#lib/time.ts'
import { isUuid, uuidv7 } from '#lib/uuid.ts'
import { actorId } from '#server/kernel/actor.ts'
import { type CommandContext, defineCommand } from '#server/kernel/command.ts'
import { AppError } from '#server/kernel/errors.ts'
import { idsOf } from './directory.ts'
import { codeIn, pseudonyms } from './pseudonyms.ts'
import { type Unmasked, unmaskInput } from './schema.ts'
import { readUnmaskings, sessionOf, UNMASK_MS } from './unmaskings.ts'

type Person = { id: string; name: string }

/**
 * Shows names to this actor for 30 minutes (a person: in this session), of one person or of everybody. `personId` is an id or a
 * pseudonym. Audit: `audit.unmask` with the reason; of everybody whose name is then shown another one, on their own page.
 * @throws AppError conflict where names are shown without a reason · not_found · invalid
 */
export const unmaskNames = defineCommand({
  action: 'audit.unmask',
  permission: 'audit:unmask',
  risk: 'none',
  input: unmaskInput,
  execute: async (context) => {
    const { sql, actor, tenantId, input, now } = context
    if (!(await readUnmaskings(sql, actor)).isAsked)
      throw new AppError('conflict', { detail: 'This organisation shows names without asking for a reason.' })
    const person = input.personId === undefined ? null : await findPerson(context, input.personId)
    const id = uuidv7(now.getTime())
    const until = formatTime(now.getTime() + UNMASK_MS)
    await sql(
      `INSERT INTO audit_unmasking (tenant_id, id, actor_id, session_id, person_id, reason, started_at, until)
       VALUES ($1::uuid, $2::uuid, $3::text, $4::text::uuid, $5::text::uuid, $6::text, $7::text::timestamptz, $8::text::timestamptz)`,
      [tenantId, id, actorId(actor), sessionOf(actor), person?.id ?? null, input.reason, now.toISOString(), until],
    )
    const result: Unmasked = { id, until }
    return {
      result,
      audit: {
        action: 'audit.unmask',
        correlationId: id,
        reason: input.reason,
        detail: { scope: person ? 'person' : 'everybody', until },
        ...(person && { target: { type: 'person', ...person } }),
      },
    }
  },
})

/** A person by id or pseudonym; the pseudonym of a device stands for whoever holds it. */
async function findPerson({ sql, tenantId }: CommandContext<unknown>, text: string): Promise<Person> {
  const code = codeIn(text)
  const codeOf = pseudonyms(tenantId)
  const ids = code === null ? [text.toLowerCase()] : ((await idsOf({ sql, tenantId, codeOf }, [code])).get(code) ?? [])
  const [person] = await sql<Person>(
    `SELECT p.id::text, p.name FROM person p
      WHERE p.tenant_id = $1::uuid
        AND p.id IN (SELECT unnest($2::text[]::uuid[])
                     UNION SELECT d.person_id FROM device d WHERE d.tenant_id = $1::uuid AND d.id = ANY($2::text[]::uuid[]))
      ORDER BY p.id LIMIT 1`,
    [tenantId, ids.filter(isUuid)],
  )
  if (person) return person
  throw new AppError('not_found', { detail: 'There is no such person.', fields: { personId: 'is nobody here' } })
}

/** Hides names again from this actor, in this session. Audit: `audit.unmask.end`. @throws AppError conflict where none are shown */
export const hideNames = defineCommand({
  action: 'audit.unmask.end',
  permission: 'audit:unmask',
  risk: 'none',
  input: z.strictObject({}),
  execute: async ({ sql, actor, tenantId, now }) => {
    const ended = await sql<{ id: string }>(
      `UPDATE audit_unmasking SET until = $4::text::timestamptz
        WHERE tenant_id = $1::uuid AND actor_id = $2::text AND session_id IS NOT DISTINCT FROM $3::text::uuid AND until > $4::text::timestamptz
      RETURNING id::text`,
      [tenantId, actorId(actor), sessionOf(actor), now.toISOString()],
    )
    if (ended.length === 0) throw new AppError('conflict', { detail: 'No names are shown under a reason now.' })
    return { result: null, audit: ended.map(({ id }) => ({ action: 'audit.unmask.end' as const, correlationId: id })) }
  },
})
