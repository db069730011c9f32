import 'server-only'
import { z } from 'zod'
import { hashTerm } from '#protocol/audit/terms.ts'
import { uuidField } from '#server/kernel/fields.ts'
import { defineQuery } from '#server/kernel/query.ts'

/** Counted up to here: a page says “2,000+” beyond. */
export const CONTENTS_CAP = 2_000

export type DeviceContents = {
  /** Files that were handed to its present enrolment and still exist, and their bytes. */
  files: number
  bytes: number
  /** Downloads out of its vault, by the log: an erase does not reach them. */
  downloads: number
  /** Entries of the log about it. */
  entries: number
}

/** What an erase of a device would and would not reach, as far as the server knows. Index: file_release_device; the log's terms. */
export const getDeviceContents = defineQuery({
  name: 'file.device_contents',
  permission: 'devices:read',
  input: z.strictObject({ deviceId: uuidField() }),
  run: async ({ sql, tenantId, input: { deviceId } }): Promise<DeviceContents> => {
    const [held] = await sql<{ files: number; bytes: string }>(
      `SELECT count(*)::integer AS files, coalesce(sum(f.size_bytes), 0)::text AS bytes
         FROM file_release r JOIN device d ON d.tenant_id = r.tenant_id AND d.id = r.device_id AND d.enrollment_id = r.enrollment_id
         JOIN file f ON f.tenant_id = r.tenant_id AND f.id = r.file_id AND f.status = 'published'
        WHERE r.tenant_id = $1::uuid AND r.device_id = $2::uuid`,
      [tenantId, deviceId],
    )
    const count = async (...terms: string[]) => {
      const items = terms.map((term) => ({ kind: 'term', hash: String(hashTerm(tenantId, term)) }))
      const [row] = await sql<{ count: number }>(
        `SELECT audit_count($1::text::jsonb, '-infinity', 'infinity', NULL, NULL, $2::integer) AS count`,
        [JSON.stringify({ kind: 'and', items }), CONTENTS_CAP + 1],
      )
      return row?.count ?? 0
    }
    const device = `device:${deviceId}`
    const downloads = await count(device, 'action:file.download', 'outcome:allowed')
    return { files: held?.files ?? 0, bytes: Number(held?.bytes ?? 0), downloads, entries: await count(device) }
  },
})
