import 'server-only'
import { z } from 'zod'
import type { OwnRecord, RecordsResponse } from '#protocol/device/person.ts'
import { AppError } from '#server/kernel/errors.ts'
import { pageFields } from '#server/kernel/fields.ts'
import { defineQuery } from '#server/kernel/query.ts'
import type { AuditEventView } from './schema.ts'
import { search } from './search.ts'

/** Terms of one question: a person with more devices finds the rest by what names them. */
const DEVICES = 40

/**
 * What the log holds about the person who holds the device: what they did, what was done to them and to their devices, newest
 * first, 30 a page. Whoever else acted is named; where from and with what is not theirs to know.
 * @throws AppError forbidden unless a device asks · invalid for a cursor that is not one of this list
 */
export const listOwnRecords = defineQuery({
  name: 'audit.own',
  permission: 'device',
  input: z.strictObject({ cursor: pageFields.cursor }),
  run: async ({ tx, sql, tenantId, actor, input }): Promise<RecordsResponse> => {
    if (actor.kind !== 'device') throw new AppError('forbidden')
    const devices = await tx.device.findMany({
      where: { tenantId, personId: actor.personId },
      select: { id: true },
      orderBy: { createdAt: 'desc' },
      take: DEVICES,
    })
    const about = [`actor:${actor.personId}`, `target:${actor.personId}`, ...devices.map(({ id }) => `device:${id}`)]
    const ask = { q: about.join(' OR '), order: 'newest' as const, cursor: input.cursor, limit: 30 }
    const { items, nextCursor } = await search(sql, tenantId, { ...ask, from: undefined, to: undefined })
    return { items: items.map(toRecord), nextCursor }
  },
})

function toRecord(event: AuditEventView): OwnRecord {
  const { id, occurredAt, action, outcome, actor, device, target, source, enforcement, reason } = event
  return {
    id,
    at: occurredAt,
    action,
    outcome,
    by: actor.name ?? null,
    byKind: actor.kind,
    device: device?.name ?? null,
    target: target?.name ?? null,
    source,
    enforcement: enforcement && enforcement !== 'none' ? enforcement : null,
    reason: reason ?? null,
  }
}
