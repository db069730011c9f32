import 'server-only'
import { formatTime } from '#lib/time.ts'
import { uuidv7 } from '#lib/uuid.ts'
import { type CommandType, commandNonce, signCommand } from '#protocol/device/commands.ts'
import type { Sql, Tx } from '#server/kernel/db.ts'
import { enqueueJobs } from '#server/kernel/jobs.ts'
import type { TenantVault } from '#server/kernel/keys.ts'
import { tenantSigningKey } from '#server/kernel/signing.ts'
import { pushJobs } from './push.ts'

const DAY_MS = 86_400_000

/** A lock or a refresh is stale soon; an erase waits for a phone that lies in a drawer for years. */
const LIFETIME_MS: Record<CommandType, number> = { wipe: 3_650 * DAY_MS, lock: 30 * DAY_MS, 'refresh-policy': DAY_MS }

type Context = { tx: Tx; sql: Sql; tenantId: string; now: Date; vault: () => Promise<TenantVault> }
type Order = { deviceId: string; enrollmentId: string; type: CommandType; args?: Record<string, unknown> }

/** Signs an order for one enrolment and puts it where the device fetches it. The topic wakes its connection. */
export async function issueCommand(
  context: Context,
  { deviceId, enrollmentId, type, args = {} }: Order,
): Promise<{ id: string; topic: string }> {
  const { tx, sql, tenantId, now } = context
  const id = uuidv7(now.getTime())
  const nonce = commandNonce()
  const expiresAt = new Date(now.getTime() + LIFETIME_MS[type])
  const { kid, privateKey } = await tenantSigningKey(context)
  const command = {
    id,
    tenantId,
    deviceId,
    enrollmentId,
    type,
    args,
    issuedAt: formatTime(now),
    expiresAt: formatTime(expiresAt),
    nonce,
  }
  const jws = await signCommand(command, privateKey, kid)
  await tx.deviceCommand.create({
    data: { tenantId, id, deviceId, enrollmentId, type, jws, nonce, state: 'waiting', issuedAt: now, expiresAt },
    select: { id: true },
  })
  await enqueueJobs(sql, await pushJobs(sql, tenantId, enrollmentId))
  return { id, topic: commandTopic(deviceId) }
}

/** What a device's connection listens to. */
export function commandTopic(deviceId: string): string {
  return `device:${deviceId}`
}

/** Takes back what has not been done, of one type or of all. An erase is never among them: it ends by its own states. */
export async function withdrawCommands(
  { tx, tenantId }: Context,
  where: { deviceId: string; type?: CommandType; state: 'cancelled' | 'superseded' },
): Promise<void> {
  await tx.deviceCommand.updateMany({
    where: {
      tenantId,
      deviceId: where.deviceId,
      state: { in: ['waiting', 'delivered'] },
      type: where.type ?? { not: 'wipe' },
    },
    data: { state: where.state },
  })
}
