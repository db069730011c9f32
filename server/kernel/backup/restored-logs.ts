import 'server-only'
import { systemTransaction } from '../db.ts'

export type RestoredLog = { tenantId: string; size: number; frozen: string | null }

/** How the logs stand once they were compared with what was published. */
export async function restoredLogs(): Promise<RestoredLog[]> {
  const rows = await systemTransaction((sql) =>
    sql<{ tenantId: string; size: string; frozen: string | null }>(
      'SELECT tenant_id::text AS "tenantId", size::text, frozen FROM audit_head ORDER BY tenant_id',
    ),
  )
  return rows.map(({ size, ...log }) => ({ ...log, size: Number(size) }))
}
