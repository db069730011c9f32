import 'server-only'
import { systemTransaction } from '#server/kernel/db.ts'
import { errorCodeOf } from '#server/kernel/errors.ts'
import { gapsOf, rebuildExtent } from '../index/rebuild.ts'
import { readShape } from '../index/runs.ts'
import { REFUSED, STALE } from '../keeping/remove.ts'
import { ColdFileProblem } from './problem.ts'

/**
 * Lets the entries below `upto` go from the tables, which are in recorded files, and builds the index of what remains around the
 * boundary: both or neither. Done before, it does nothing. Answers how many went. @throws ColdFileProblem changed · contradicted
 */
export async function goCold(tenantId: string, upto: number): Promise<number> {
  try {
    return await systemTransaction(
      async (sql) => {
        const [row] = await sql<{ gone: string }>('SELECT audit_go_cold($1::text::bigint)::text AS gone', [
          String(upto),
        ])
        const shape = await readShape(sql, tenantId)
        const [gap] = shape ? gapsOf(shape.runs, shape.size, shape.coldTo) : []
        // A run that reached beyond the boundary went whole.
        if (gap?.from === upto) await rebuildExtent(sql, tenantId, gap)
        return Number(row?.gone ?? 0)
      },
      { tenantId },
    )
  } catch (cause) {
    const code = errorCodeOf(cause)
    if (code === STALE) throw new ColdFileProblem('changed', null, { cause })
    if (code === REFUSED) throw new ColdFileProblem('contradicted', null, { cause })
    throw cause
  }
}
