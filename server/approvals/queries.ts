import 'server-only'
import { z } from 'zod'
import { holdNames } from '#server/audit/queries.ts'
import { type Actor, isPermitted } from '#server/kernel/actor.ts'
import type { Db } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { defineQuery } from '#server/kernel/query.ts'
import {
  DECIDABLE,
  type DecidableCommand,
  OPEN_STATES,
  type OpenState,
  type RequestView,
  requestListInput,
} from './schema.ts'

/** Open requests that the actor may decide, newest first. Index: brake_request_open. */
export const listRequests = defineQuery({
  name: 'brake.list',
  permission: 'self',
  input: requestListInput,
  run: async ({ tx, sql, tenantId, actor, input }): Promise<{ items: RequestView[]; nextCursor: string | null }> => {
    const { state, limit, cursor } = input
    if (cursor !== undefined && !z.uuid().safeParse(cursor).success) {
      throw new AppError('invalid', {
        detail: 'cursor: is not of this list',
        fields: { cursor: 'is not of this list' },
      })
    }
    const rows = await tx.brakeRequest.findMany({
      where: {
        tenantId,
        state: { in: state ? [state] : [...OPEN_STATES] },
        command: { in: commandsFor(actor) },
        ...(cursor ? { id: { lt: cursor } } : {}),
      },
      orderBy: { id: 'desc' },
      take: limit + 1,
      select: {
        id: true,
        command: true,
        state: true,
        targetType: true,
        targetId: true,
        units: true,
        reason: true,
        requesterKind: true,
        requesterId: true,
        requesterName: true,
        responsibleId: true,
        createdAt: true,
        notBefore: true,
        expiresAt: true,
      },
    })
    const names = await namesOf({ tx, sql }, tenantId, rows)
    const items = rows.slice(0, limit).map(
      (row): RequestView => ({
        id: row.id,
        // The query asks for these commands and states only.
        command: row.command as DecidableCommand,
        state: row.state as OpenState,
        target: { type: row.targetType, id: row.targetId, name: names.get(row.targetId) ?? row.targetId },
        units: row.units,
        reason: row.reason,
        requestedBy: { kind: row.requesterKind, id: row.requesterId, name: row.requesterName },
        createdAt: row.createdAt.toISOString(),
        notBefore: row.notBefore?.toISOString() ?? null,
        expiresAt: row.expiresAt.toISOString(),
        own: actor.kind === 'person' && row.responsibleId === actor.personId,
      }),
    )
    return { items, nextCursor: rows.length > limit ? (items.at(-1)?.id ?? null) : null }
  },
})

/** How many requests wait for a person's decision, for the navigation. */
export const countWaitingRequests = defineQuery({
  name: 'brake.count',
  permission: 'self',
  input: z.strictObject({}),
  run: ({ tx, tenantId, actor }): Promise<number> =>
    tx.brakeRequest.count({
      where: { tenantId, state: { in: ['held', 'awaiting_approval'] }, command: { in: commandsFor(actor) } },
    }),
})

/** What the targets are called now. */
async function namesOf(
  { tx, sql }: Db,
  tenantId: string,
  rows: readonly { targetType: string; targetId: string }[],
): Promise<Map<string, string>> {
  const ids = (type: string) => rows.filter(({ targetType }) => targetType === type).map(({ targetId }) => targetId)
  const select = { id: true, name: true }
  const devices = await tx.device.findMany({ where: { tenantId, id: { in: ids('device') } }, select })
  const files = await tx.file.findMany({ where: { tenantId, id: { in: ids('file') } }, select })
  const people = await tx.person.findMany({ where: { tenantId, id: { in: ids('person') } }, select })
  const holds = await holdNames(sql, tenantId, ids('hold'))
  return new Map([...[...devices, ...files, ...people].map(({ id, name }) => [id, name] as const), ...holds])
}

function commandsFor(actor: Actor): string[] {
  return Object.entries(DECIDABLE).flatMap(([command, permission]) => (isPermitted(actor, permission) ? [command] : []))
}
