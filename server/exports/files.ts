import 'server-only'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { isUuid } from '#lib/uuid.ts'
import { type BundleStore, sealedStore } from '#server/audit/jobs.ts'
import { derivedKey } from '#server/kernel/keys.ts'
import { runtime } from '#server/kernel/runtime.ts'

/** The files of an export: in a folder of their own, under a key that no database and no other export has. */
export function exportStore(tenantId: string, id: string): BundleStore {
  if (!isUuid(tenantId) || !isUuid(id)) throw new TypeError('not an id')
  const folder = join(runtime().dataDir, 'exports', tenantId, id)
  return sealedStore(folder, derivedKey(`audit-export/${tenantId}/${id}`), [tenantId, 'audit_export', id])
}

/** The exports of an organisation that have files. */
export function storedExports(tenantId: string): string[] {
  const folder = join(runtime().dataDir, 'exports', tenantId)
  return existsSync(folder) ? readdirSync(folder).filter(isUuid) : []
}
