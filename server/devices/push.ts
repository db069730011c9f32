import 'server-only'
import webpush from 'web-push'
import type { PushRequest } from '#protocol/device/person.ts'
import type { DeviceActor } from '#server/kernel/actor.ts'
import { now } from '#server/kernel/clock.ts'
import { pgTransaction, type Sql } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import type { Job } from '#server/kernel/jobs.ts'
import { type Vapid, vapid } from './push-keys.ts'

// A browser names the address that we shall call: only the services of the browsers' makers, or it could be any machine of ours.
const SERVICES = [
  /^fcm\.googleapis\.com$/,
  /^[a-z0-9-]+\.push\.services\.mozilla\.com$/,
  /^[a-z0-9-]+\.notify\.windows\.com$/,
  /^([a-z0-9-]+\.)?web\.push\.apple\.com$/,
]
const TIMEOUT_MS = 10_000
/** A wake that did not reach the browser within a day is of no use: whoever opens it asks anyway. */
const TTL_SECONDS = 86_400

/**
 * Whether a push endpoint is of a known service, over HTTPS on its own port and without credentials. It is spelled as URLs are
 * written: whoever sends to it reads it by other rules, in which `localhost%2Epush.…` is the host `localhost`.
 */
export function isPushService(endpoint: string): boolean {
  if (!URL.canParse(endpoint)) return false
  const { href, protocol, hostname, port, username, password } = new URL(endpoint)
  if (href !== endpoint) return false
  if (protocol !== 'https:' || port !== '' || username !== '' || password !== '') return false
  return SERVICES.some((service) => service.test(hostname))
}

/**
 * Where this enrolment wants to be woken; null: nowhere any more. @throws AppError conflict when the operator has not set push
 * up · invalid for an endpoint of no known service
 */
export async function subscribePush(actor: DeviceActor, { subscription }: PushRequest): Promise<void> {
  const { tenantId, deviceId, enrollmentId } = actor
  if (subscription === null) return remove(tenantId, enrollmentId)
  if (!vapid()) throw new AppError('conflict', { detail: 'Web push is not set up on this server.' })
  if (!isPushService(subscription.endpoint)) {
    const problem = 'is not of a known push service'
    throw new AppError('invalid', { detail: `endpoint: ${problem}`, fields: { 'subscription.endpoint': problem } })
  }
  const { endpoint, keys } = subscription
  await pgTransaction('writer', tenantId, (_client, sql) =>
    sql(
      `INSERT INTO push_subscription (tenant_id, enrollment_id, device_id, endpoint, p256dh, auth, created_at)
       VALUES ($1::uuid, $2::uuid, $3::uuid, $4::text, $5::text, $6::text, $7::text::timestamptz)
       ON CONFLICT (tenant_id, enrollment_id) DO UPDATE SET endpoint = excluded.endpoint, p256dh = excluded.p256dh, auth = excluded.auth`,
      [tenantId, enrollmentId, deviceId, endpoint, keys.p256dh, keys.auth, now().toISOString()],
    ),
  )
}

async function remove(tenantId: string, enrollmentId: string): Promise<void> {
  await pgTransaction('writer', tenantId, (_client, sql) =>
    sql('DELETE FROM push_subscription WHERE tenant_id = $1::uuid AND enrollment_id = $2::uuid', [
      tenantId,
      enrollmentId,
    ]),
  )
}

type Place = { enrollmentId: string; endpoint: string; p256dh: string; auth: string }

/** The job that wakes an enrolment, where it has said how. Read in the transaction that has something for it. */
export async function pushJobs(sql: Sql, tenantId: string, enrollmentId: string): Promise<Job[]> {
  const found = await sql('SELECT 1 FROM push_subscription WHERE tenant_id = $1::uuid AND enrollment_id = $2::uuid', [
    tenantId,
    enrollmentId,
  ])
  if (found.length === 0) return []
  return [{ task: 'device.push', payload: { tenantId, enrollmentId }, key: `push:${enrollmentId}` }]
}

/** Sends one wake to one place; gives the service's HTTP status. */
export type SendPush = (place: Place, keys: Vapid) => Promise<number>

/** Wakes an enrolment through its browser's push service. What it is told is nothing but to ask. May run twice. */
export async function wakeByPush(tenantId: string, enrollmentId: string, send: SendPush = sendPush): Promise<void> {
  const keys = vapid()
  const [place] = await pgTransaction('reader', tenantId, (_client, sql) =>
    sql<Place>(
      `SELECT enrollment_id::text AS "enrollmentId", endpoint, p256dh, auth FROM push_subscription
        WHERE tenant_id = $1::uuid AND enrollment_id = $2::uuid`,
      [tenantId, enrollmentId],
    ),
  )
  if (!keys || !place || !isPushService(place.endpoint)) return
  const status = await send(place, keys)
  // RFC 8030 §7.3: the subscription is no more.
  if (status === 404 || status === 410) return remove(tenantId, enrollmentId)
  if (status === 429 || status >= 500) throw new Error(`the push service answered ${status}`)
}

async function sendPush({ endpoint, p256dh, auth }: Place, { contact, publicKey, privateKey }: Vapid): Promise<number> {
  try {
    const { statusCode } = await webpush.sendNotification({ endpoint, keys: { p256dh, auth } }, null, {
      vapidDetails: { subject: contact, publicKey, privateKey },
      TTL: TTL_SECONDS,
      urgency: 'high',
      timeout: TIMEOUT_MS,
    })
    return statusCode
  } catch (error) {
    if (error instanceof webpush.WebPushError) return error.statusCode
    throw error
  }
}
