import 'server-only'
import type { DeviceActor } from '#server/kernel/actor.ts'
import type { CommandContext } from '#server/kernel/command.ts'

/** Remembers which enrolment was handed a file: who has it. Index: the primary key of file_release. */
export async function rememberHolder(
  { sql, tenantId, input, now }: CommandContext<{ fileId: string }>,
  { deviceId, enrollmentId, personId }: DeviceActor,
): Promise<void> {
  await sql(
    `INSERT INTO file_release (tenant_id, file_id, enrollment_id, device_id, person_id, first_at, last_at)
     VALUES ($1::uuid, $2::uuid, $3::uuid, $4::uuid, $5::uuid, $6::text::timestamptz, $6::text::timestamptz)
     ON CONFLICT (tenant_id, file_id, enrollment_id) DO UPDATE SET last_at = excluded.last_at, times = file_release.times + 1`,
    [tenantId, input.fileId, enrollmentId, deviceId, personId, now.toISOString()],
  )
}
