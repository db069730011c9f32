import 'server-only'
import { z } from 'zod'
import type { OwnDevice, PersonResponse } from '#protocol/device/person.ts'
import type { Actor } from '#server/kernel/actor.ts'
import type { Sql, Tx } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { PERMISSIONS, ROLE_PERMISSIONS, ROLES } from '#server/kernel/permissions.ts'
import { defineQuery } from '#server/kernel/query.ts'
import { effectivePolicy } from '#server/policies/queries.ts'
import { DEVICE_SQL, type DeviceRow, toDeviceView } from './device-view.ts'
import { vapidPublicKey } from './push-keys.ts'
import type { DeviceView } from './schema.ts'

/** The devices of the signed-in person, the last seen first. */
export const listOwnDevices = defineQuery({
  name: 'device.list.own',
  permission: 'self',
  input: z.strictObject({}),
  run: (context): Promise<DeviceView[]> => devicesOf(context, personOf(context.actor)),
})

type Context = { tx: Tx; sql: Sql; tenantId: string; now: Date }

function personOf(actor: Actor): string {
  if (actor.kind === 'person' || actor.kind === 'device') return actor.personId
  throw new AppError('forbidden')
}

async function devicesOf({ tx, sql, tenantId, now }: Context, personId: string): Promise<DeviceView[]> {
  const rows = await sql<DeviceRow>(
    `${DEVICE_SQL} AND d.person_id = $2::uuid AND (d.status <> 'retired' OR d.status_at > $3::text::timestamptz - interval '30 days')
      ORDER BY c.last_seen_at DESC, d.id LIMIT 200`,
    [tenantId, personId, now.toISOString()],
  )
  const policy = await effectivePolicy(tx, tenantId)
  return rows.map((row) => toDeviceView(row, { policy, now }))
}

/** What the person who holds a device may know through it: whose it is, their devices, and how many people may do what. */
export const getDevicePerson = defineQuery({
  name: 'device.person',
  permission: 'device',
  input: z.strictObject({}),
  run: async (context): Promise<PersonResponse> => {
    const { tx, tenantId, actor } = context
    if (actor.kind !== 'device') throw new AppError('forbidden')
    const [person, tenant, byRole] = [
      await tx.person.findFirstOrThrow({
        where: { tenantId, id: actor.personId },
        select: { name: true, email: true },
      }),
      await tx.tenant.findFirstOrThrow({ where: { id: tenantId }, select: { name: true } }),
      await tx.person.groupBy({ by: ['role'], where: { tenantId, status: 'active' }, _count: { _all: true } }),
    ]
    const powers = PERMISSIONS.map((permission) => {
      const roles = ROLES.filter((role) => ROLE_PERMISSIONS[role].includes(permission))
      const holders = byRole.filter(({ role }) => (roles as readonly string[]).includes(role))
      return [permission, holders.reduce((sum, { _count }) => sum + _count._all, 0)] as const
    })
    const key = vapidPublicKey()
    return {
      person,
      organisation: tenant,
      deviceId: actor.deviceId,
      devices: (await devicesOf(context, actor.personId)).map(ownDevice),
      powers: Object.fromEntries(powers),
      push: key ? { key } : null,
    }
  },
})

function ownDevice({
  id,
  name,
  platform,
  osVersion,
  channel,
  status,
  statusReason,
  lastSeenAt,
  enrolledAt,
}: DeviceView): OwnDevice {
  return { id, name, platform, osVersion, channel, status, statusReason, lastSeenAt, enrolledAt }
}
