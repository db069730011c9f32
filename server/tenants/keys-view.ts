import 'server-only'
import { z } from 'zod'
import { defineQuery } from '#server/kernel/query.ts'
import { runtime } from '#server/kernel/runtime.ts'
import type { KeysView, RotationState, RotationView } from './schema.ts'

/** The organisation's keys: which master key wraps them, how old the data key is, and how far a rotation is. */
export const getKeys = defineQuery({
  name: 'key.list',
  permission: 'admin',
  input: z.object({}),
  run: async ({ tx, tenantId }): Promise<KeysView> => {
    const instance = await tx.instance.findFirst({ select: { masterId: true } })
    const keys = await tx.tenantKey.findMany({
      where: { tenantId, purpose: 'data', destroyedAt: null },
      select: { id: true, createdAt: true, retiredAt: true },
    })
    const current = keys.find(({ retiredAt }) => retiredAt === null)
    if (!current) throw new Error(`the organisation ${tenantId} has no data key`)
    // Index: key_rotation_recent.
    const rotation = await tx.keyRotation.findFirst({
      where: { tenantId },
      orderBy: [{ startedAt: 'desc' }, { id: 'desc' }],
    })
    return {
      master: masterOf(instance?.masterId ?? null),
      data: { id: current.id, createdAt: current.createdAt, older: keys.length - 1 },
      rotation: rotation && viewRotation(rotation),
    }
  },
})

function masterOf(inUse: string | null): KeysView['master'] {
  const { masterKeys } = runtime()
  const configured = masterKeys.configured().id
  const id = inUse ?? configured
  const isFile = masterKeys.find(id) ? id.startsWith('file:') : masterKeys.provider === 'file'
  return { provider: isFile ? 'file' : 'vault-transit', id, isMoving: masterKeys.configured().id !== id }
}

type Row = Omit<RotationView, 'state' | 'damaged'> & { state: string; damaged: unknown }

function viewRotation({ id, state, done, total, damaged, startedBy, startedAt, finishedAt }: Row): RotationView {
  const count = Array.isArray(damaged) ? damaged.length : 0
  return { id, state: state as RotationState, done, total, damaged: count, startedBy, startedAt, finishedAt }
}
