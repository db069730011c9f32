import 'server-only'
import { z } from 'zod'
import { systemActor } from '#server/kernel/actor.ts'
import { now } from '#server/kernel/clock.ts'
import { defineCommand } from '#server/kernel/command.ts'
import { readTransaction, type Sql } from '#server/kernel/db.ts'
import { uuidField } from '#server/kernel/fields.ts'
import { issueCommand, withdrawCommands } from './issue-command.ts'

const BATCH = 200

type Connected = { id: string; enrollmentId: string }

/** Active devices that are connected now and were handed an older version; the others learn it on their next contact. */
function connectedBehind(sql: Sql, { tenantId, version, after }: { tenantId: string; version: number; after: string }) {
  return sql<Connected>(
    `SELECT d.id::text, d.enrollment_id::text AS "enrollmentId"
       FROM device_presence p JOIN device d ON d.tenant_id = p.tenant_id AND d.id = p.device_id
      WHERE p.tenant_id = $1::uuid AND p.online_until > $2::text::timestamptz AND p.policy_version < $3::integer
        AND d.status = 'active' AND d.id > $4::text::uuid ORDER BY d.id LIMIT ${BATCH}`,
    [tenantId, now().toISOString(), version, after],
  )
}

const orderRefresh = defineCommand({
  action: 'device.command.issue',
  name: 'device.refresh_policy',
  permission: 'system',
  risk: 'none',
  input: z.strictObject({
    version: z.int().min(1),
    devices: z.array(z.object({ id: uuidField(), enrollmentId: uuidField() })).min(1),
  }),
  execute: async (context) => {
    const { version, devices } = context.input
    const topics: string[] = []
    for (const { id: deviceId, enrollmentId } of devices) {
      await withdrawCommands(context, { deviceId, type: 'refresh-policy', state: 'superseded' })
      const { topic } = await issueCommand(context, { deviceId, enrollmentId, type: 'refresh-policy' })
      topics.push(topic)
    }
    const detail = { type: 'refresh-policy', version: String(version), devices: String(devices.length) }
    return { result: null, audit: { action: 'device.command.issue', detail }, notify: topics }
  },
})

/** Tells connected devices at once that another policy is in force. Harmless to repeat: who has it is left alone. */
export async function refreshPolicy(tenantId: string, version: number): Promise<void> {
  let after = '00000000-0000-0000-0000-000000000000'
  for (;;) {
    const devices = await readTransaction(tenantId, ({ sql }) => connectedBehind(sql, { tenantId, version, after }))
    if (devices.length === 0) return
    await orderRefresh(systemActor(tenantId, 'policy'), { version, devices })
    after = devices.at(-1)?.id ?? after
  }
}
