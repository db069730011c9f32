import 'server-only'
import type { DetailValue } from '#protocol/audit/personal.ts'
import { filesTopics } from '#server/devices/schema.ts'
import type { Sql, Tx } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import type { Audience } from './schema.ts'

export type Recipient = { id: string; name: string; email: string }
export type ResolvedAudience = { everyone: true; people: [] } | { everyone: false; people: Recipient[] }

type Context = { tx: Tx; tenantId: string }

/** Who is meant, once each. @throws AppError invalid, naming whoever is not of the organisation or suspended */
export async function resolveAudience({ tx, tenantId }: Context, audience: Audience): Promise<ResolvedAudience> {
  if (audience === 'everyone') return { everyone: true, people: [] }
  const ids = audience.filter(({ by }) => by === 'id').map(({ value }) => value)
  const emails = audience.filter(({ by }) => by === 'email').map(({ value }) => value)
  const found = await tx.person.findMany({
    where: { tenantId, status: { not: 'suspended' }, OR: [{ id: { in: ids } }, { email: { in: emails } }] },
    select: { id: true, name: true, email: true },
    orderBy: { id: 'asc' },
  })
  const known = new Set(found.flatMap(({ id, email }) => [id, email]))
  const missing = [...ids, ...emails].filter((one) => !known.has(one))
  if (missing.length === 0) return { everyone: false, people: found }
  const problem = `${missing.slice(0, 5).join(', ')} ${missing.length === 1 ? 'is' : 'are'} not an active person of the organisation`
  throw new AppError('invalid', { detail: `audience: ${problem}`, fields: { audience: problem }, extra: { missing } })
}

export async function addToAudience(
  sql: Sql,
  tenantId: string,
  fileId: string,
  people: readonly { id: string }[],
): Promise<number> {
  const added = await sql(
    `INSERT INTO file_audience (tenant_id, file_id, person_id)
     SELECT $1::uuid, $2::uuid, id FROM unnest(string_to_array($3::text, ',')::uuid[]) AS id ON CONFLICT DO NOTHING RETURNING 1`,
    [tenantId, fileId, people.map(({ id }) => id).join(',')],
  )
  return added.length
}

/** Topics by which the open devices of everybody who is handed this content, as a copy too, learn of a change to it. */
export async function topicsOfContent(sql: Sql, tenantId: string, contentId: string): Promise<string[]> {
  const [{ everyone } = { everyone: false }] = await sql<{ everyone: boolean }>(
    'SELECT coalesce(bool_or(everyone), false) AS everyone FROM file WHERE tenant_id = $1::uuid AND content_id = $2::uuid',
    [tenantId, contentId],
  )
  const people = await sql<{ id: string }>(
    `SELECT DISTINCT a.person_id::text AS id FROM file_audience a JOIN file f ON f.tenant_id = a.tenant_id AND f.id = a.file_id
      WHERE f.tenant_id = $1::uuid AND f.content_id = $2::uuid`,
    [tenantId, contentId],
  )
  return filesTopics({ everyone, people })
}

const SHOWN = 100

/** The audience as it stands in an entry. */
export function audienceText({
  everyone,
  people,
}: Pick<ResolvedAudience, 'everyone'> & { people: readonly { name: string }[] }): DetailValue &
  (string | readonly string[]) {
  if (everyone) return 'everyone'
  const names = people.slice(0, SHOWN).map(({ name }) => name)
  return people.length > SHOWN ? [...names, `… ${people.length} in all`] : names
}
