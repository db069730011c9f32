import 'server-only'
import { z } from 'zod'
import { systemActor } from '#server/kernel/actor.ts'
import { defineCommand } from '#server/kernel/command.ts'
import { readTransaction, type Tx } from '#server/kernel/db.ts'
import { readDestroyed, tenantsWithDestroyed } from '#server/kernel/destroyed-list.ts'
import { RESTORE } from '#server/kernel/frozen-log.ts'

/** Destroys the shares again that are on the lists and have come back with a backup, and blocks their devices. At every start and restore, before the gateway listens. */
export async function applyDestroyed(): Promise<number> {
  let destroyed = 0
  for (const tenantId of tenantsWithDestroyed('shares')) destroyed += await applyTo(tenantId)
  return destroyed
}

async function applyTo(tenantId: string): Promise<number> {
  const ids = readDestroyed('shares', tenantId)
  const back = await readTransaction(tenantId, ({ tx }) => enrollmentsBack(tx, tenantId, ids))
  if (back.length === 0) return 0
  return destroyAgain(systemActor(tenantId, RESTORE), { enrollmentIds: back })
}

/** Backups hold no shares: a device that was erased since comes back without one, and yet as one that is served. */
async function enrollmentsBack(tx: Tx, tenantId: string, ids: string[]): Promise<string[]> {
  const where = { tenantId, enrollmentId: { in: ids } }
  const select = { enrollmentId: true } as const
  const shares = await tx.vaultShare.findMany({ where, select })
  const devices = await tx.device.findMany({ where: { ...where, status: { in: ['active', 'pending'] } }, select })
  return [...new Set([...shares, ...devices].map(({ enrollmentId }) => enrollmentId))]
}

const destroyAgain = defineCommand({
  action: 'device.wipe.queue',
  name: 'device.destroy_again',
  permission: 'system',
  risk: 'none',
  input: z.strictObject({ enrollmentIds: z.array(z.string()) }),
  execute: async ({ tx, tenantId, input }) => {
    await tx.vaultShare.deleteMany({ where: { tenantId, enrollmentId: { in: input.enrollmentIds } } })
    const devices = await tx.device.findMany({
      where: { tenantId, enrollmentId: { in: input.enrollmentIds } },
      select: { id: true, name: true },
    })
    await tx.device.updateMany({
      where: { tenantId, id: { in: devices.map(({ id }) => id) }, status: { in: ['active', 'pending'] } },
      data: { status: 'blocked', statusReason: 'Its share of the vault key was destroyed before the restore' },
    })
    const audit = devices.map((device) => ({
      action: 'device.wipe.queue' as const,
      device,
      target: { type: 'device', ...device },
      detail: { scope: 'organisation-data', shareDestroyed: 'true' as const },
    }))
    const none = {
      action: 'device.wipe.queue' as const,
      detail: { scope: 'organisation-data', shareDestroyed: 'true' as const },
    }
    return { result: input.enrollmentIds.length, audit: audit.length > 0 ? audit : [none] }
  },
})
