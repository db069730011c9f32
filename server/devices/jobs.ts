import 'server-only'
import { z } from 'zod'
import { systemActor } from '#server/kernel/actor.ts'
import { systemTransaction } from '#server/kernel/db.ts'
import { recordDestroyed } from '#server/kernel/destroyed-list.ts'
import { uuidField } from '#server/kernel/fields.ts'
import { isAwaitingReceipt, markUnconfirmed } from './deliver.ts'
import { wakeByPush } from './push.ts'
import { refreshPolicy } from './refresh-policy.ts'

export { applyDestroyed } from './destroyed.ts'

const unconfirmed = z.object({ tenantId: uuidField(), wipeId: uuidField() })
const policyInForce = z.object({ tenantId: uuidField(), version: z.int().min(1) })
const push = z.object({ tenantId: uuidField(), enrollmentId: uuidField() })
const destroyed = z.object({ tenantId: uuidField(), enrollmentIds: z.array(uuidField()) })

/** Work of this domain for the background process, by task name. Each may run twice. */
export const deviceJobs = {
  'device.wipe_unconfirmed': async (payload: unknown): Promise<void> => {
    const { tenantId, wipeId } = unconfirmed.parse(payload)
    if (await isAwaitingReceipt(tenantId, wipeId))
      await markUnconfirmed(systemActor(tenantId, 'deliveries'), { wipeId })
  },
  'device.record_destroyed': async (payload: unknown): Promise<void> => {
    const { tenantId, enrollmentIds } = destroyed.parse(payload)
    recordDestroyed('shares', tenantId, enrollmentIds)
  },
  'device.refresh_policy': async (payload: unknown): Promise<void> => {
    const { tenantId, version } = policyInForce.parse(payload)
    await refreshPolicy(tenantId, version)
  },
  'device.push': async (payload: unknown): Promise<void> => {
    const { tenantId, enrollmentId } = push.parse(payload)
    await wakeByPush(tenantId, enrollmentId)
  },
  'device.prune': async (): Promise<void> => {
    await systemTransaction((sql) => sql('DELETE FROM enrollment_code_directory WHERE expires_at < now()'))
    await systemTransaction((sql) =>
      sql(`DELETE FROM device_event_digest WHERE received_at < now() - interval '30 days'`),
    )
  },
}

export const deviceSchedule = [{ task: 'device.prune', at: '23 * * * *' }]
