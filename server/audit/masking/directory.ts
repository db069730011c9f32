import 'server-only'
import { isUuid } from '#lib/uuid.ts'
import type { Sql } from '#server/kernel/db.ts'
import type { CodeOf } from './pseudonyms.ts'

/** Pseudonyms of one organisation's people and devices, as far as this process has met them. */
type Codes = { ids: Set<string>; byCode: Map<string, string[]> }

/** Organisations whose pseudonyms are kept, the latest asked last. */
const MOST_KEPT = 16
const kept = new Map<string, Codes>()

type Asked = { sql: Sql; tenantId: string; codeOf: CodeOf }

/**
 * The ids of people and devices behind pseudonyms: nearly always one each, never more than a few. Costs a pass over both tables
 * only for a pseudonym that was not met before. Indexes: the primary keys.
 */
export async function idsOf(
  { sql, tenantId, codeOf }: Asked,
  codes: readonly string[],
): Promise<Map<string, string[]>> {
  const known = kept.get(tenantId) ?? { ids: new Set(), byCode: new Map() }
  kept.delete(tenantId)
  kept.set(tenantId, known)
  for (const [oldest] of kept) if (kept.size > MOST_KEPT) kept.delete(oldest)
  if (codes.some((code) => !known.byCode.has(code))) await meet(known, { sql, tenantId, codeOf })
  return new Map(codes.map((code) => [code, known.byCode.get(code) ?? []]))
}

async function meet({ ids, byCode }: Codes, { sql, tenantId, codeOf }: Asked): Promise<void> {
  const rows = await sql<{ id: string }>(
    'SELECT id::text FROM person WHERE tenant_id = $1::uuid UNION ALL SELECT id::text FROM device WHERE tenant_id = $1::uuid',
    [tenantId],
  )
  for (const { id } of rows) {
    if (ids.has(id)) continue
    ids.add(id)
    const code = codeOf(id)
    byCode.set(code, [...(byCode.get(code) ?? []), id])
  }
}

/** These people and their devices. Index: device_person. */
export async function ownersAndDevices(sql: Sql, tenantId: string, people: readonly string[]): Promise<Set<string>> {
  const devices = await sql<{ id: string }>(
    'SELECT id::text FROM device WHERE tenant_id = $1::uuid AND person_id = ANY($2::text[]::uuid[])',
    [tenantId, people],
  )
  return new Set([...people, ...devices.map(({ id }) => id)])
}

/** Which ids are of the organisation's own things, or its keys for programs: they lead to nobody. Indexes: the primary keys. */
export async function openIds(sql: Sql, tenantId: string, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const wanted = [...new Set(ids.map((id) => id.toLowerCase()).filter(isUuid))]
  if (wanted.length === 0) return new Set()
  const rows = await sql<{ id: string }>(
    `SELECT id::text FROM file WHERE tenant_id = $1::uuid AND id = ANY($2::text[]::uuid[])
      UNION ALL SELECT id::text FROM policy WHERE tenant_id = $1::uuid AND id = ANY($2::text[]::uuid[])
      UNION ALL SELECT id::text FROM api_key WHERE tenant_id = $1::uuid AND id = ANY($2::text[]::uuid[])`,
    [tenantId, wanted],
  )
  return new Set([...rows.map(({ id }) => id), ...wanted.filter((id) => id === tenantId)])
}
