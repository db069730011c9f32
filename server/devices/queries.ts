import 'server-only'
import { z } from 'zod'
import { brakeUsage } from '#server/kernel/brake-gate.ts'
import { AppError } from '#server/kernel/errors.ts'
import { uuidField } from '#server/kernel/fields.ts'
import { defineQuery } from '#server/kernel/query.ts'
import { effectivePolicy } from '#server/policies/queries.ts'
import { completenessOf } from './completeness.ts'
import { DEVICE_SQL, type DeviceRow, toDeviceView } from './device-view.ts'
import { COUNT_CAP, countStatement, listStatement, nextCursor } from './list-devices.ts'
import { gapsIn, parseRanges } from './ranges.ts'
import {
  type DeviceCompleteness,
  type DeviceStatus,
  type DeviceView,
  deviceIdInput,
  deviceListInput,
  OPEN_WIPE_STATES,
  SILENT_DAYS,
  wipeListInput,
} from './schema.ts'
import { readWipe, readWipes } from './wipe-view.ts'

export { completenessOf } from './completeness.ts'
export { type DeviceOverview, deviceOverview } from './overview.ts'
export { getDevicePerson, listOwnDevices } from './own-views.ts'
export { requireServedDevice, type ServedDevice } from './service.ts'

export type DevicePage = { items: DeviceView[]; nextCursor: string | null; total: { value: number; capped: boolean } }

/** A page of devices, the order ending in the id. */
export const listDevices = defineQuery({
  name: 'device.list',
  permission: 'devices:read',
  input: deviceListInput,
  run: async ({ tx, sql, tenantId, input, now }): Promise<DevicePage> => {
    const { text, values } = listStatement(tenantId, input)
    const rows = await sql<DeviceRow>(text, values)
    const counting = countStatement(tenantId, input)
    const [counted] = await sql<{ count: number }>(counting.text, counting.values)
    const count = counted?.count ?? 0
    const policy = await effectivePolicy(tx, tenantId)
    return {
      items: rows.slice(0, input.limit).map((row) => toDeviceView(row, { policy, now })),
      nextCursor: nextCursor(rows, input),
      total: { value: Math.min(count, COUNT_CAP), capped: count > COUNT_CAP },
    }
  },
})

/** @throws AppError not_found */
export const getDevice = defineQuery({
  name: 'device.get',
  permission: 'devices:read',
  input: deviceIdInput,
  run: async ({ tx, sql, tenantId, input, now }): Promise<DeviceView> => {
    const [row] = await sql<DeviceRow>(`${DEVICE_SQL} AND d.id = $2::uuid`, [tenantId, input.deviceId])
    if (!row) throw new AppError('not_found', { detail: 'There is no such device.' })
    return toDeviceView(row, { policy: await effectivePolicy(tx, tenantId), now })
  },
})

/** Ranges of event numbers, both ends included, that a device counted and that never arrived. */
export const missingRanges = defineQuery({
  name: 'device.missing_events',
  permission: 'devices:read',
  input: deviceIdInput,
  run: async ({ sql, tenantId, input }): Promise<{ from: number; to: number }[]> => {
    const [row] = await sql<{ received: string }>(
      `SELECT e.received::text FROM device d JOIN enrollment e ON e.tenant_id = d.tenant_id AND e.id = d.enrollment_id
        WHERE d.tenant_id = $1::uuid AND d.id = $2::uuid`,
      [tenantId, input.deviceId],
    )
    if (!row) throw new AppError('not_found', { detail: 'There is no such device.' })
    return gapsIn(parseRanges(row.received)).map(([from, to]) => ({ from, to: to - 1 }))
  },
})

/** What is known to be lacking in what a device reported. @throws AppError not_found */
export const getDeviceCompleteness = defineQuery({
  name: 'device.completeness',
  permission: 'devices:read',
  input: deviceIdInput,
  run: async ({ sql, tenantId, input: { deviceId } }): Promise<DeviceCompleteness> => {
    const found = (await completenessOf(sql, tenantId, [deviceId])).get(deviceId.toLowerCase())
    if (!found) throw new AppError('not_found', { detail: 'There is no such device.' })
    return found
  },
})

export type DeviceCounts = {
  total: number
  byStatus: Record<DeviceStatus, number>
  silent: number
  missingEvents: number
  openWipes: number
  heldWipes: number
}

/** What the Overview counts. Silent: in service and not seen for `SILENT_DAYS`. */
export const countDevices = defineQuery({
  name: 'device.count',
  permission: 'devices:read',
  input: z.strictObject({}),
  run: async ({ tx, sql, tenantId, now }): Promise<DeviceCounts> => {
    const groups = await tx.device.groupBy({ by: ['status'], where: { tenantId }, _count: { _all: true } })
    const byStatus: Record<DeviceStatus, number> = {
      pending: 0,
      active: 0,
      blocked: 0,
      wiping: 0,
      wiped: 0,
      retired: 0,
    }
    for (const { status, _count } of groups) byStatus[status as DeviceStatus] = _count._all
    const silentSince = new Date(now.getTime() - SILENT_DAYS * 86_400_000)
    const silent = await tx.device.count({
      where: { tenantId, status: 'active', devicePresence: { lastSeenAt: { lt: silentSince } } },
    })
    const [missing] = await sql<{ count: string }>(
      `SELECT count(*)::text FROM device d JOIN enrollment e ON e.tenant_id = d.tenant_id AND e.id = d.enrollment_id
        WHERE d.tenant_id = $1::uuid AND d.status <> 'retired' AND NOT isempty(e.received)
          AND (lower(e.received) > 1 OR range_merge(e.received)::int8multirange <> e.received)`,
      [tenantId],
    )
    const openWipes = await tx.wipe.count({ where: { tenantId, state: { in: [...OPEN_WIPE_STATES] } } })
    const heldWipes = await tx.wipe.count({ where: { tenantId, state: { in: ['held', 'awaiting_approval'] } } })
    const total = Object.values(byStatus).reduce((sum, count) => sum + count, 0)
    return { total, byStatus, silent, missingEvents: Number(missing?.count ?? 0), openWipes, heldWipes }
  },
})

/** A page of erases, newest first; `state: open` means every state that is not an end. */
export const listWipes = defineQuery({
  name: 'wipe.list',
  permission: 'devices:read',
  input: wipeListInput,
  run: ({ tx, tenantId, input: { state, device, limit, cursor } }) => {
    if (cursor !== undefined && !z.uuid().safeParse(cursor).success) {
      throw new AppError('invalid', {
        detail: 'cursor: is not of this list',
        fields: { cursor: 'is not of this list' },
      })
    }
    const states = state === undefined ? null : state === 'open' ? OPEN_WIPE_STATES : [state]
    return readWipes(tx, tenantId, { states, device, limit, cursor })
  },
})

const wipeIdInput = z.strictObject({ wipeId: uuidField() })

/** @throws AppError not_found */
export const getWipe = defineQuery({
  name: 'wipe.get',
  permission: 'devices:read',
  input: wipeIdInput,
  run: ({ tx, tenantId, input }) => readWipe(tx, tenantId, input.wipeId),
})

/** The receipt as the device signed it. @throws AppError not_found while there is none */
export const getWipeReceipt = defineQuery({
  name: 'wipe.receipt',
  permission: 'devices:read',
  input: wipeIdInput,
  run: async ({ tx, tenantId, input }): Promise<string> => {
    const row = await tx.wipe.findFirst({ where: { tenantId, id: input.wipeId }, select: { receipt: true } })
    if (!row?.receipt) throw new AppError('not_found', { detail: 'There is no receipt yet.' })
    return row.receipt
  },
})

/** What the erase page tells before it is asked: how much of the budget is used, how long it can be undone, who must agree. */
export const getEraseBudget = defineQuery({
  name: 'wipe.budget',
  permission: 'devices:wipe',
  input: z.strictObject({}),
  run: ({ tx, actor, now }) => brakeUsage(tx, actor, 'erase', now),
})

export type OpenEnrollmentCode = {
  id: string
  person: { id: string; name: string }
  expiresAt: string
  createdBy: string
  createdAt: string
}

/** Codes that could still enrol a device; the codes themselves are not kept. */
export const listEnrollmentCodes = defineQuery({
  name: 'enrollment_code.list',
  permission: 'devices:read',
  input: z.strictObject({}),
  run: async ({ tx, tenantId, now }): Promise<OpenEnrollmentCode[]> => {
    const rows = await tx.enrollmentCode.findMany({
      where: { tenantId, usedAt: null, revokedAt: null, expiresAt: { gt: now } },
      orderBy: { id: 'desc' },
      take: 200,
      select: {
        id: true,
        expiresAt: true,
        createdBy: true,
        createdAt: true,
        person: { select: { id: true, name: true } },
      },
    })
    return rows.map((row) => ({
      ...row,
      expiresAt: row.expiresAt.toISOString(),
      createdAt: row.createdAt.toISOString(),
    }))
  },
})
