import 'server-only'
import type { DeviceCapabilities } from '#protocol/device/messages.ts'
import type { Platform } from '#protocol/policy/platforms.ts'
import type { EffectivePolicy } from '#server/policies/queries.ts'
import { OPEN_WIPES_SQL, VAULT_SQL } from './device-rows.ts'
import { appVersionProblem } from './enroll-checks.ts'
import type { DeviceStatus, DeviceView, VaultState } from './schema.ts'

type Time = Date | string

/** A device as `DEVICE_SQL` reads it. */
export type DeviceRow = {
  id: string
  name: string
  platform: Platform
  osVersion: string
  appVersion: string
  model: string
  serial: string
  status: DeviceStatus
  statusReason: string
  statusAt: Time
  personId: string
  personName: string
  personEmail: string
  lastSeenAt: Time
  onlineUntil: Time | null
  tlsProtocol: string
  tlsCipher: string
  tlsGroup: string | null
  policyVersion: number
  keyThumbprint: string
  channel: string
  ownership: 'company' | 'personal'
  capabilities: DeviceCapabilities
  offlineUntil: Time | null
  enrolledAt: Time
  vault: VaultState
  missingEvents: string
  openWipeId: string | null
  hasPush: boolean
}

/** Numbers between 1 and the highest received that never came. */
export const MISSING_SQL = `(coalesce(upper(e.received) - 1, 0) - (SELECT coalesce(sum(upper(r) - lower(r)), 0) FROM unnest(e.received) AS r))`

/** The tables of a device's row; the caller appends conditions on d, p, c and e. */
export const DEVICE_FROM = `FROM device d
    JOIN person p ON p.tenant_id = d.tenant_id AND p.id = d.person_id
    JOIN device_presence c ON c.tenant_id = d.tenant_id AND c.device_id = d.id
    JOIN enrollment e ON e.tenant_id = d.tenant_id AND e.id = d.enrollment_id
    LEFT JOIN vault_share s ON s.tenant_id = d.tenant_id AND s.enrollment_id = d.enrollment_id
   WHERE d.tenant_id = $1::uuid`

/** Everything a row and its detail show, in one statement. */
export const DEVICE_SQL = `
  SELECT d.id::text, d.name, d.platform, d.os_version AS "osVersion", d.app_version AS "appVersion", d.model, d.serial, d.status,
         d.status_reason AS "statusReason", d.status_at AS "statusAt", d.person_id::text AS "personId", p.name AS "personName", p.email AS "personEmail",
         c.last_seen_at AS "lastSeenAt", c.online_until AS "onlineUntil", c.tls_protocol AS "tlsProtocol", c.tls_cipher AS "tlsCipher",
         c.tls_group AS "tlsGroup", c.policy_version AS "policyVersion", e.sign_thumbprint AS "keyThumbprint", d.channel, d.ownership, d.capabilities,
         coalesce(s.offline_until, (SELECT w.offline_until FROM wipe w WHERE w.tenant_id = d.tenant_id AND w.device_id = d.id
                                     AND w.share_destroyed_at IS NOT NULL ORDER BY w.created_at DESC LIMIT 1)) AS "offlineUntil",
         d.created_at AS "enrolledAt", ${VAULT_SQL} AS vault, ${MISSING_SQL}::text AS "missingEvents",
         (SELECT w.id::text FROM wipe w WHERE w.tenant_id = d.tenant_id AND w.device_id = d.id AND w.state IN ${OPEN_WIPES_SQL}) AS "openWipeId",
         EXISTS (SELECT 1 FROM push_subscription b WHERE b.tenant_id = d.tenant_id AND b.enrollment_id = d.enrollment_id) AS "hasPush"
  ${DEVICE_FROM}`

/** The view of a row under the policy in force. */
export function toDeviceView(row: DeviceRow, { policy, now }: { policy: EffectivePolicy; now: Date }): DeviceView {
  const {
    personId,
    personName,
    personEmail,
    onlineUntil,
    tlsProtocol,
    tlsCipher,
    tlsGroup,
    offlineUntil,
    missingEvents,
    hasPush,
    ...same
  } = row
  const online = onlineUntil !== null && new Date(onlineUntil) > now
  return {
    ...same,
    statusAt: iso(row.statusAt),
    person: { id: personId, name: personName, email: personEmail },
    lastSeenAt: iso(row.lastSeenAt),
    online,
    reach: online ? 'open' : hasPush ? 'push' : 'next_open',
    tls:
      tlsProtocol === ''
        ? null
        : { protocol: tlsProtocol, cipher: tlsCipher, ...(tlsGroup ? { group: tlsGroup } : {}) },
    offlineUntil: offlineUntil === null ? null : iso(offlineUntil),
    enrolledAt: iso(row.enrolledAt),
    missingEvents: Number(missingEvents),
    problem: row.status === 'active' ? appVersionProblem(policy, row) : null,
  }
}

export function iso(time: Time): string {
  return new Date(time).toISOString()
}
