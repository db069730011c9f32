import 'server-only'
import type { Sql } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import type { PersonOfDevice } from './tally.ts'

type FileRow = { id: string; name: string; status: string; everyone: boolean; createdAt: Date | string }

/** A file's whole lineage: the root first, then every copy, whatever became of it. */
export type Family = { fileId: string; root: FileRow; files: FileRow[] }

/** Index: file_root. @throws AppError not_found */
export async function readFamily(sql: Sql, tenantId: string, fileId: string): Promise<Family> {
  const files = await sql<FileRow & { isRoot: boolean }>(
    `SELECT r.id::text, r.name, r.status, r.everyone, r.created_at AS "createdAt", r.id = r.root_id AS "isRoot"
       FROM file f JOIN file r ON r.tenant_id = f.tenant_id AND r.root_id = f.root_id
      WHERE f.tenant_id = $1::uuid AND f.id = $2::uuid ORDER BY r.id = r.root_id DESC, r.created_at, r.id`,
    [tenantId, fileId],
  )
  const [root] = files
  if (!root?.isRoot) throw new AppError('not_found', { detail: 'There is no such file.' })
  return { fileId, root, files }
}

/** One enrolment that was handed one of the files. */
export type Holder = { deviceId: string; personId: string; firstAt: string; lastAt: string }

/** Index: the primary key of file_release. */
export async function readHolders(sql: Sql, tenantId: string, { files }: Family): Promise<Holder[]> {
  const rows = await sql<{ deviceId: string; personId: string; firstAt: Date | string; lastAt: Date | string }>(
    `SELECT r.device_id::text AS "deviceId", r.person_id::text AS "personId", min(r.first_at) AS "firstAt", max(r.last_at) AS "lastAt"
       FROM file_release r WHERE r.tenant_id = $1::uuid AND r.file_id = ANY($2::text[]::uuid[])
      GROUP BY r.device_id, r.person_id, r.enrollment_id`,
    [tenantId, files.map(({ id }) => id)],
  )
  return rows.map(({ deviceId, personId, firstAt, lastAt }) => ({
    deviceId,
    personId,
    firstAt: new Date(firstAt).toISOString(),
    lastAt: new Date(lastAt).toISOString(),
  }))
}

/** A device may have passed from one person to another: who held it when it was handed something. */
export function holderAt(holders: readonly Holder[]): PersonOfDevice {
  const byDevice = Map.groupBy(holders, ({ deviceId }) => deviceId)
  return (deviceId, at) => {
    const own = byDevice.get(deviceId) ?? []
    const one = own.find(({ firstAt, lastAt }) => firstAt <= at && at <= lastAt) ?? own[0]
    return one?.personId
  }
}
