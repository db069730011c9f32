import 'server-only'
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { isUuid } from '#lib/uuid.ts'
import { systemActor } from '#server/kernel/actor.ts'
import { defineCommand } from '#server/kernel/command.ts'
import { readTransaction } from '#server/kernel/db.ts'
import { runtime } from '#server/kernel/runtime.ts'

const PREFIX = 'destroyed-'

function listFile(tenantId: string): string {
  return join(runtime().dataDir, 'checkpoints', `${PREFIX}${tenantId}`)
}

function readList(tenantId: string): string[] {
  const file = listFile(tenantId)
  // A line that a crash cut short is no id and is written again by the repeated job.
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(isUuid) : []
}

/**
 * Writes down, outside the database, whose shares were destroyed, so that a restored backup cannot bring them back. Flushed
 * to the disk before it returns; harmless to repeat.
 */
export function recordDestroyed(tenantId: string, enrollmentIds: readonly string[]): void {
  const known = new Set(readList(tenantId))
  const fresh = enrollmentIds.filter((id) => !known.has(id))
  if (fresh.length === 0) return
  mkdirSync(join(runtime().dataDir, 'checkpoints'), { recursive: true, mode: 0o700 })
  const file = openSync(listFile(tenantId), 'a', 0o600)
  try {
    writeSync(file, `\n${fresh.join('\n')}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** Destroys again what is on the lists and has come back with a backup. At every start and restore, before the gateway listens. */
export async function applyDestroyed(): Promise<number> {
  const folder = join(runtime().dataDir, 'checkpoints')
  if (!existsSync(folder)) return 0
  let destroyed = 0
  for (const name of readdirSync(folder)) {
    const tenantId = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : ''
    if (isUuid(tenantId)) destroyed += await applyTo(tenantId)
  }
  return destroyed
}

async function applyTo(tenantId: string): Promise<number> {
  const ids = readList(tenantId)
  const back = await readTransaction(tenantId, ({ tx }) =>
    tx.vaultShare.findMany({ where: { tenantId, enrollmentId: { in: ids } }, select: { enrollmentId: true } }),
  )
  if (back.length === 0) return 0
  return destroyAgain(systemActor(tenantId, 'restore'), { enrollmentIds: back.map(({ enrollmentId }) => enrollmentId) })
}

const destroyAgain = defineCommand({
  action: 'device.wipe.queue',
  name: 'device.destroy_again',
  permission: 'system',
  risk: 'none',
  input: z.strictObject({ enrollmentIds: z.array(z.string()) }),
  execute: async ({ tx, tenantId, input }) => {
    const { count } = await tx.vaultShare.deleteMany({ where: { tenantId, enrollmentId: { in: input.enrollmentIds } } })
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
    return { result: count, audit: audit.length > 0 ? audit : [none] }
  },
})
