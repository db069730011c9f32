import 'server-only'
import { z } from 'zod'
import { uuidField } from '#server/kernel/fields.ts'
import { defineQuery } from '#server/kernel/query.ts'

export type DeviceContents = {
  /** Files that were handed to its present enrolment and still exist, and their bytes. */
  files: number
  bytes: number
}

/** What an erase of a device would reach, as far as the server knows. Index: file_release_device. */
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
    return { files: held?.files ?? 0, bytes: Number(held?.bytes ?? 0) }
  },
})
