import 'server-only'
import type { PublicJwk } from '#protocol/device/keys.ts'
import { pgTransaction, type Sql } from '#server/kernel/db.ts'
import { AppError, errorCodeOf } from '#server/kernel/errors.ts'
import { sha256 } from '#server/kernel/keys.ts'
import type { DeviceStatus } from './schema.ts'

/** One request of a device whose proof holds: to be matched with its enrolment, its `jti` to be used up. */
export type DeviceClaim = {
  tenantId: string
  deviceId: string
  /** The token's secret. */
  secret: string
  /** Of the key that signed the proof. */
  thumbprint: string
  jti: string
  /** Until when the same proof would otherwise be accepted. */
  expiresAt: Date
}

/** Who the device is at this moment; nothing of it is cached. */
export type ClaimedDevice = {
  deviceName: string
  status: DeviceStatus
  enrollmentId: string
  personId: string
  personName: string
  personStatus: 'invited' | 'active' | 'suspended'
  tenantStatus: 'active' | 'suspended'
  /** What is sealed to it is sealed with this key. */
  sealJwk: PublicJwk
  policyVersion: number
  /** False when this `jti` was used before, in this or any other gateway. */
  isFirstUse: boolean
}

/** Claims waiting for one organisation before new ones are turned away. */
const MAX_WAITING = 4_000
const MAX_TOGETHER = 500

type Waiting = { claim: DeviceClaim; resolve: (device: ClaimedDevice | null) => void; reject: (error: unknown) => void }

const queues = new Map<string, Waiting[]>()

/**
 * Finds the enrolment that token and key belong to and uses the proof's `jti` up, in one statement for all requests that
 * came meanwhile: status and key are read fresh for every request, and a proof works once among all gateways. Null when no
 * enrolment has this token and this key.
 * @throws AppError unavailable when too many wait, or the database is away
 */
export function claimDevice(claim: DeviceClaim): Promise<ClaimedDevice | null> {
  return new Promise((resolve, reject) => {
    const waiting = { claim, resolve, reject }
    const queue = queues.get(claim.tenantId)
    if (!queue) {
      const fresh = [waiting]
      queues.set(claim.tenantId, fresh)
      void drain(claim.tenantId, fresh)
    } else if (queue.length >= MAX_WAITING) {
      reject(new AppError('unavailable', { detail: 'Too many requests are waiting.', retryAfter: 1 }))
    } else {
      queue.push(waiting)
    }
  })
}

async function drain(tenantId: string, queue: Waiting[]): Promise<void> {
  while (queue.length > 0) {
    const group = queue.splice(0, MAX_TOGETHER)
    try {
      const devices = await claimTogether(
        tenantId,
        group.map(({ claim }) => claim),
      )
      for (const [position, { resolve }] of group.entries()) resolve(devices.get(position) ?? null)
    } catch (error) {
      for (const { reject } of group) reject(error)
    }
  }
  queues.delete(tenantId)
}

// Sorted: two gateways that claim the same proofs wait for each other in one order.
const CLAIM = `
  WITH asked AS (SELECT * FROM json_to_recordset($2::text::json)
         AS r(n int, device uuid, thumbprint text, secret text, jti text, until timestamptz, twice boolean)),
       known AS MATERIALIZED (
         SELECT a.n, a.thumbprint, a.twice, decode(a.jti, 'hex') AS jti_hash, a.until, d.name, d.status, e.id AS enrollment, e.seal_jwk,
                p.id AS person, p.name AS person_name, p.status AS person_status
           FROM asked a
           JOIN device d ON d.tenant_id = $1::uuid AND d.id = a.device
           JOIN enrollment e ON e.tenant_id = $1::uuid AND e.id = d.enrollment_id AND e.ended_at IS NULL
           JOIN person p ON p.tenant_id = $1::uuid AND p.id = d.person_id
          WHERE e.sign_thumbprint = a.thumbprint AND e.token_hash = decode(a.secret, 'hex')),
       used AS (INSERT INTO dpop_jti (thumbprint, jti_hash, expires_at)
         SELECT thumbprint, jti_hash, until FROM known WHERE NOT twice ORDER BY thumbprint, jti_hash
         ON CONFLICT DO NOTHING RETURNING thumbprint, jti_hash)
  SELECT k.n, k.name AS "deviceName", k.status, k.enrollment::text AS "enrollmentId", k.person::text AS "personId",
         k.person_name AS "personName", k.person_status AS "personStatus", k.seal_jwk AS "sealJwk",
         (SELECT status FROM tenant WHERE id = $1::uuid) AS "tenantStatus",
         coalesce((SELECT current_version FROM policy WHERE tenant_id = $1::uuid AND scope = 'organisation'), 1) AS "policyVersion",
         (u.jti_hash IS NOT NULL AND NOT k.twice) AS "isFirstUse"
    FROM known k LEFT JOIN used u ON u.thumbprint = k.thumbprint AND u.jti_hash = k.jti_hash`

async function claimTogether(tenantId: string, claims: readonly DeviceClaim[]): Promise<Map<number, ClaimedDevice>> {
  const seen = new Set<string>()
  const asked = claims.map(({ deviceId, thumbprint, secret, jti, expiresAt }, n) => {
    const key = `${thumbprint} ${jti}`
    // Of two equal proofs in one statement both would see the one row as theirs.
    const twice = seen.has(key)
    seen.add(key)
    const hashes = { secret: sha256(secret).toString('hex'), jti: sha256(jti).toString('hex') }
    return { n, device: deviceId, thumbprint, ...hashes, until: expiresAt.toISOString(), twice }
  })
  const run = (sql: Sql) => sql<ClaimedDevice & { n: number }>(CLAIM, [tenantId, JSON.stringify(asked)])
  const rows = await retryingOnce(() => pgTransaction('writer', tenantId, (_client, sql) => run(sql)))
  return new Map(rows.map(({ n, ...device }) => [n, device]))
}

/** A deadlock between gateways is nobody's fault, and nothing of the losing transaction stands. */
async function retryingOnce<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (errorCodeOf(error) !== '40P01') throw error
    return run()
  }
}

/**
 * Uses up the `jti` of a proof that belongs to no enrolment yet (at enrolling itself). Whether it was the first use.
 * @throws AppError unavailable
 */
export async function claimProof({
  thumbprint,
  jti,
  expiresAt,
}: Pick<DeviceClaim, 'thumbprint' | 'jti' | 'expiresAt'>): Promise<boolean> {
  const rows = await pgTransaction('writer', null, (_client, sql) =>
    sql(
      `INSERT INTO dpop_jti (thumbprint, jti_hash, expires_at) VALUES ($1::text, decode($2::text, 'hex'), $3::text::timestamptz)
       ON CONFLICT DO NOTHING RETURNING 1 AS used`,
      [thumbprint, sha256(jti).toString('hex'), expiresAt.toISOString()],
    ),
  )
  return rows.length === 1
}

/** Whether an enrolment still speaks for its device: a newer one or a retirement ends what hangs on it. */
export async function isEnrollmentCurrent({
  tenantId,
  deviceId,
  enrollmentId,
}: {
  tenantId: string
  deviceId: string
  enrollmentId: string
}): Promise<boolean> {
  const rows = await pgTransaction('reader', tenantId, (_client, sql) =>
    sql(
      `SELECT 1 FROM device WHERE tenant_id = $1::uuid AND id = $2::uuid AND enrollment_id = $3::uuid AND status <> 'retired'`,
      [tenantId, deviceId, enrollmentId],
    ),
  )
  return rows.length === 1
}
