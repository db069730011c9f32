import 'server-only'
import { uuidv7 } from '#lib/uuid.ts'
import { type Actor, actorId, actorName } from '#server/kernel/actor.ts'
import type { Tx } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import type { WipeState } from './schema.ts'

type Context = { tx: Tx; tenantId: string; now: Date }
type Step = { wipeId: string; state: WipeState; by: Actor; at?: Date }

/** One line of what the page walks through. */
export async function addStep({ tx, tenantId, now }: Context, { wipeId, state, by, at = now }: Step): Promise<void> {
  await tx.wipeTimeline.create({
    data: {
      tenantId,
      wipeId,
      id: uuidv7(now.getTime()),
      state,
      at,
      byKind: by.kind,
      byId: actorId(by),
      byName: actorName(by),
    },
    select: { id: true },
  })
}

type Move = {
  wipeId: string
  from: readonly WipeState[]
  to: WipeState
  by: Actor
  data?: Parameters<Tx['wipe']['updateMany']>[0]['data']
}

/** Moves an erase to its next state and tells the timeline. @throws AppError conflict when it is no longer where it was */
export async function moveWipe(context: Context, { wipeId, from, to, by, data }: Move): Promise<void> {
  const { tx, tenantId, now } = context
  const { count } = await tx.wipe.updateMany({
    where: { tenantId, id: wipeId, state: { in: [...from] } },
    data: { ...data, state: to, updatedAt: now },
  })
  if (count !== 1) throw new AppError('conflict', { detail: 'The erase has moved on meanwhile.' })
  await addStep(context, { wipeId, state: to, by })
}
