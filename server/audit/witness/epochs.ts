import 'server-only'
import type { Sql } from '#server/kernel/db.ts'
import type { Head } from '../tree.ts'
import type { EpochView } from './schema.ts'

/** Below `/log/T/`, or `/log/T/n/` for a later epoch: which epoch, and the file's name there. */
export function parseLogPath(path: string): { epoch: number; name: string } {
  const [, epoch, name] = /^([2-9]|[1-9]\d{1,5})\/(.+)$/.exec(path) ?? []
  return epoch !== undefined && name !== undefined ? { epoch: Number(epoch), name } : { epoch: 1, name: path }
}

/** The origin of the first epoch, to which the number of a later one is added. */
export function baseOrigin({ origin, epoch }: Pick<Head, 'origin' | 'epoch'>): string {
  return epoch === 1 ? origin : origin.slice(0, -`/${epoch}`.length)
}

/** So many entries of an epoch are held: all of the current one, of an abandoned one those that are proven to agree with it. */
export async function heldSize(
  sql: Sql,
  tenantId: string,
  { head, epoch }: { head: Head; epoch: number },
): Promise<number> {
  if (epoch === head.epoch) return head.size
  const [next] = await sql<{ size: string }>(
    `SELECT agreed_size::text AS size FROM audit_epoch WHERE tenant_id = $1::uuid AND epoch > $2::integer ORDER BY epoch LIMIT 1`,
    [tenantId, epoch],
  )
  return Number(next?.size ?? 0)
}

type Row = { epoch: number; origin: string; first: string; agreed: string; at: Date | string }

/** The epochs that were declared, newest first. */
export async function listEpochs(sql: Sql, tenantId: string): Promise<EpochView[]> {
  const rows = await sql<Row>(
    `SELECT epoch, origin, first_index::text AS first, agreed_size::text AS agreed, started_at AS at FROM audit_epoch
      WHERE tenant_id = $1::uuid ORDER BY epoch DESC LIMIT 20`,
    [tenantId],
  )
  return rows.map(({ epoch, origin, first, agreed, at }) => ({
    epoch,
    origin,
    firstIndex: Number(first),
    agreedSize: Number(agreed),
    startedAt: new Date(at).toISOString(),
  }))
}
