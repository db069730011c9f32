import 'server-only'
import { formatQuery } from '#protocol/audit/query.ts'
import type { Actor } from '#server/kernel/actor.ts'
import type { Sql } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { maskingFor } from '../masking/masking.ts'
import { withoutSearches } from '../own-searches.ts'
import { planOf, readQuery } from '../plan.ts'
import { readHead } from '../tree.ts'

/** What is to be looked for, for whom, and up to where. */
export type PreparedAsk = {
  /** The question in its normal form. */
  q: string
  /** The same as its asker may ask it. */
  matching: string
  masked: boolean
  /** The act under which names are shown to its asker, and its reason; null where none is asked for. */
  unmasking: { id: string; reason: string } | null
  asOf: number
}

/**
 * A question as it is carried out later, in somebody's name: what it may match and up to which size of the log (all of it unless given).
 * @throws AppError query_invalid · invalid when the log is not that long yet
 */
export async function prepareAsk(
  sql: Sql,
  actor: Actor,
  { q, asOf }: { q: string; asOf?: number | undefined },
): Promise<PreparedAsk> {
  const { tenantId } = actor
  const masking = await maskingFor(sql, actor)
  const matching = withoutSearches(readQuery(q), await masking.query(q), readQuery)
  // What cannot be planned is told now, not to the worker.
  planOf(matching, tenantId)
  const { size } = await readHead(sql, tenantId)
  if (asOf !== undefined && asOf > size) {
    const problem = `must not be above ${size}, the length of the log`
    throw new AppError('invalid', { detail: `asOf: ${problem}`, fields: { asOf: problem } })
  }
  return {
    q: formatQuery(readQuery(q)),
    matching,
    masked: masking.isMasked,
    unmasking: await readAct(sql, tenantId, masking.unmaskingId),
    asOf: asOf ?? size,
  }
}

async function readAct(sql: Sql, tenantId: string, id: string | null): Promise<PreparedAsk['unmasking']> {
  if (id === null) return null
  const [act] = await sql<{ id: string; reason: string }>(
    'SELECT id::text, reason FROM audit_unmasking WHERE tenant_id = $1::uuid AND id = $2::uuid',
    [tenantId, id],
  )
  return act ?? null
}
