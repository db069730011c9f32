import 'server-only'
import type { PublicJwk } from '#protocol/device/keys.ts'
import type { DeviceCapabilities } from '#protocol/device/messages.ts'
import { parseDeviceToken } from '#protocol/device/token.ts'
import type { Platform } from '#protocol/policy/platforms.ts'
import type { DeviceActor } from '#server/kernel/actor.ts'
import { pgTransaction } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { matchesHash } from '#server/kernel/keys.ts'
import type { DeviceStatus } from './schema.ts'

export type AuthenticatedDevice = {
  actor: DeviceActor
  status: DeviceStatus
  /** The device, its person and its organisation are in service; else only commands and receipts are served. */
  inService: boolean
  /** RFC 7638, of the signing key that the token is bound to. */
  thumbprint: string
  signJwk: PublicJwk
  sealJwk: PublicJwk
  platform: Platform
  osVersion: string
  appVersion: string
  channel: string
  capabilities: DeviceCapabilities
  /** The version in force, to tell the device with every answer. */
  policyVersion: number
}

type Row = Omit<AuthenticatedDevice, 'actor' | 'inService'> & {
  name: string
  personId: string
  personName: string
  enrollmentId: string
  tokenHash: string
  suspended: boolean
}

/**
 * The device behind a token whose DPoP proof was made with the key of `thumbprint`, as it stands now. One statement.
 * @throws AppError invalid_token, the same for every way it can be wrong
 */
export async function deviceFromToken(
  token: string,
  { thumbprint, address }: { thumbprint: string; address: string },
): Promise<AuthenticatedDevice> {
  const parsed = parseDeviceToken(token)
  if (!parsed) throw new AppError('invalid_token')
  const { tenantId, deviceId, secret } = parsed
  const row = await pgTransaction(
    'reader',
    tenantId,
    async (_client, sql) => (await sql<Row>(DEVICE, [tenantId, deviceId]))[0],
  )
  if (!row || !matchesHash(secret, Buffer.from(row.tokenHash, 'hex')) || row.thumbprint !== thumbprint)
    throw new AppError('invalid_token')
  const { name, personId, personName, enrollmentId, tokenHash: _, suspended, ...device } = row
  const actor: DeviceActor = {
    kind: 'device',
    tenantId,
    deviceId,
    enrollmentId,
    deviceName: name,
    personId,
    personName,
    address,
  }
  const inService = !suspended && (device.status === 'active' || device.status === 'pending')
  return { ...device, actor, inService }
}

const DEVICE = `
  SELECT d.name, d.status, d.platform, d.os_version AS "osVersion", d.app_version AS "appVersion", d.channel, d.capabilities,
         d.person_id::text AS "personId", p.name AS "personName", e.id::text AS "enrollmentId", encode(e.token_hash, 'hex') AS "tokenHash",
         e.sign_thumbprint AS thumbprint, e.sign_jwk AS "signJwk", e.seal_jwk AS "sealJwk",
         (p.status = 'suspended' OR t.status = 'suspended') AS suspended, coalesce(o.current_version, 1) AS "policyVersion"
    FROM device d
    JOIN enrollment e ON e.tenant_id = d.tenant_id AND e.id = d.enrollment_id AND e.ended_at IS NULL
    JOIN person p ON p.tenant_id = d.tenant_id AND p.id = d.person_id
    JOIN tenant t ON t.id = d.tenant_id
    LEFT JOIN policy o ON o.tenant_id = d.tenant_id AND o.scope = 'organisation'
   WHERE d.tenant_id = $1::uuid AND d.id = $2::uuid`
