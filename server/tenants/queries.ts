import { z } from 'zod'
import { systemTransaction, type Tx } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { defineQuery } from '#server/kernel/query.ts'
import { type TenantView, tenantSettings } from './schema.ts'

export { getKeys } from './keys-view.ts'

/** The actor's own organisation. */
export const getTenant = defineQuery({
  name: 'tenant.get',
  permission: 'self',
  input: z.object({}),
  run: async ({ tx, tenantId }): Promise<TenantView> => {
    const row = await tx.tenant.findFirst({ where: { id: tenantId } })
    if (!row) throw new AppError('not_found')
    return {
      id: row.id,
      name: row.name,
      status: row.status === 'active' ? 'active' : 'suspended',
      createdAt: row.createdAt,
      settings: tenantSettings.parse(row.settings),
    }
  },
})

/** The organisation as the target of an entry, under its name of this moment. */
export async function tenantTarget(tx: Tx, tenantId: string): Promise<{ type: 'tenant'; id: string; name: string }> {
  const row = await tx.tenant.findFirst({ where: { id: tenantId }, select: { name: true } })
  if (!row) throw new AppError('not_found')
  return { type: 'tenant', id: tenantId, name: row.name }
}

export type TenantLine = { id: string; name: string; status: string; createdAt: Date }

/** Every organisation of the instance, oldest first: for the server's command line and the background process, never for a door. */
export async function listTenants(): Promise<TenantLine[]> {
  return systemTransaction((sql) =>
    sql<TenantLine>('SELECT id::text, name, status, created_at AS "createdAt" FROM tenant ORDER BY created_at, id'),
  )
}
