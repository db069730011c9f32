import 'server-only'
import type { Sql } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { type CannotReason, type DeviceState, type DeviceStatus, OPEN_WIPE_STATES } from './schema.ts'

/** SQL list of the states in which a wipe is open; literals of our own. */
export const OPEN_WIPES_SQL = `(${OPEN_WIPE_STATES.map((state) => `'${state}'`).join(', ')})`

export const VAULT_SQL = `(CASE WHEN s.enrollment_id IS NULL THEN 'destroyed' WHEN s.withheld THEN 'withheld' ELSE 'ready' END)`

export type LockedDevice = DeviceState & {
  id: string
  name: string
  enrollmentId: string
  approved: boolean
  personId: string
  personName: string
}

type Context = { sql: Sql; tenantId: string }

/** The device's row, locked until the end of the transaction. @throws AppError not_found */
export async function lockDevice(context: Context, deviceId: string): Promise<LockedDevice> {
  const device = await findLocked(context, deviceId)
  if (!device) throw new AppError('not_found', { detail: 'There is no such device.' })
  return device
}

async function findLocked({ sql, tenantId }: Context, deviceId: string): Promise<LockedDevice | undefined> {
  // The lock comes in a statement of its own: what the next one reads is then the newest.
  await sql('SELECT 1 FROM device WHERE tenant_id = $1::uuid AND id = $2::uuid FOR UPDATE', [tenantId, deviceId])
  const [device] = await sql<LockedDevice>(
    `SELECT d.id::text, d.name, d.status, d.channel, d.enrollment_id::text AS "enrollmentId", d.approved_at IS NOT NULL AS approved,
            d.person_id::text AS "personId", p.name AS "personName", ${VAULT_SQL} AS vault,
            (SELECT w.id::text FROM wipe w WHERE w.tenant_id = d.tenant_id AND w.device_id = d.id AND w.state IN ${OPEN_WIPES_SQL}) AS "openWipeId"
       FROM device d
       JOIN person p ON p.tenant_id = d.tenant_id AND p.id = d.person_id
       LEFT JOIN vault_share s ON s.tenant_id = d.tenant_id AND s.enrollment_id = d.enrollment_id
      WHERE d.tenant_id = $1::uuid AND d.id = $2::uuid`,
    [tenantId, deviceId],
  )
  return device
}

/** @throws AppError conflict with the reason's key when the device's state does not allow it */
export function requireCan(verdict: true | CannotReason, detail: string): void {
  if (verdict !== true) throw new AppError('conflict', { detail, extra: { reason: verdict } })
}

/** How a device stands in the entries about it. */
export function named(device: { id: string; name: string }) {
  const { id, name } = device
  return { device: { id, name }, target: { type: 'device', id, name } }
}

type StatusChange = { deviceId: string; status: DeviceStatus; reason: string; now: Date }

/** Sets the status of a device that the caller has locked. */
export async function setStatus(
  { sql, tenantId }: Context,
  { deviceId, status, reason, now }: StatusChange,
): Promise<void> {
  await sql(
    `UPDATE device SET status = $3::text, status_reason = $4::text, status_at = $5::text::timestamptz,
            approved_at = CASE WHEN $3::text = 'active' THEN coalesce(approved_at, $5::text::timestamptz) ELSE approved_at END
      WHERE tenant_id = $1::uuid AND id = $2::uuid`,
    [tenantId, deviceId, status, reason, now.toISOString()],
  )
}

/** Keeps the server's halves of the device's vault keys back, or hands them out again. */
export async function setWithheld({ sql, tenantId }: Context, deviceId: string, withheld: boolean): Promise<void> {
  await sql('UPDATE vault_share SET withheld = $3::boolean WHERE tenant_id = $1::uuid AND device_id = $2::uuid', [
    tenantId,
    deviceId,
    withheld,
  ])
}
