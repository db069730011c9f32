import 'server-only'
import { z } from 'zod'
import type { Platform } from '#protocol/policy/platforms.ts'
import type { Sql } from '#server/kernel/db.ts'
import { defineQuery } from '#server/kernel/query.ts'
import { CLONE_REASON } from './clone.ts'
import { DEVICE_FROM, MISSING_SQL } from './device-view.ts'
import { SILENT_DAYS } from './schema.ts'

type Named = { id: string; name: string }

/** Devices in service that are alike, counted together. */
export type DeviceGroup = { platform: Platform; appVersion: string; policyVersion: number; count: number }

export type DeviceOverview = {
  /** All that were ever enrolled and are not retired. */
  known: number
  inService: number
  silent: number
  missingEvents: number
  pending: number
  /** Blocked because they spoke with two tongues; at most twenty. */
  clones: Named[]
  /** Of the devices in service. */
  groups: DeviceGroup[]
}

type Counts = Pick<DeviceOverview, 'known' | 'inService' | 'silent' | 'missingEvents' | 'pending'>

/** What the first page says about the devices as a whole. One walk over the organisation's devices each (primary key). */
export const deviceOverview = defineQuery({
  name: 'device.overview',
  permission: 'devices:read',
  input: z.strictObject({}),
  run: async ({ sql, tenantId, now }): Promise<DeviceOverview> => ({
    ...(await count(sql, tenantId, now)),
    clones: await sql<Named>(
      `SELECT id::text, name FROM device
        WHERE tenant_id = $1::uuid AND status = 'blocked' AND status_reason = $2::text ORDER BY id DESC LIMIT 20`,
      [tenantId, CLONE_REASON],
    ),
    groups: await sql<DeviceGroup>(
      `SELECT d.platform, d.app_version AS "appVersion", c.policy_version AS "policyVersion", count(*)::integer AS count
         ${DEVICE_FROM} AND d.status = 'active' GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT 200`,
      [tenantId],
    ),
  }),
})

async function count(sql: Sql, tenantId: string, now: Date): Promise<Counts> {
  const silentSince = new Date(now.getTime() - SILENT_DAYS * 86_400_000).toISOString()
  const [counts] = await sql<Counts>(
    `SELECT count(*) FILTER (WHERE d.status <> 'retired')::integer AS known,
            count(*) FILTER (WHERE d.status = 'active')::integer AS "inService",
            count(*) FILTER (WHERE d.status = 'active' AND c.last_seen_at < $2::text::timestamptz)::integer AS silent,
            count(*) FILTER (WHERE d.status <> 'retired' AND ${MISSING_SQL} > 0)::integer AS "missingEvents",
            count(*) FILTER (WHERE d.status = 'pending')::integer AS pending
       ${DEVICE_FROM}`,
    [tenantId, silentSince],
  )
  return counts ?? { known: 0, inService: 0, silent: 0, missingEvents: 0, pending: 0 }
}
