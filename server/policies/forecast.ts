import 'server-only'
import { diffPolicies, loosens } from '#protocol/policy/diff.ts'
import type { PolicyDocument } from '#protocol/policy/document.ts'
import { isAppVersionAccepted, secondFactorDeadlineMs } from '#protocol/policy/evaluate.ts'
import { PLATFORMS, type Platform } from '#protocol/policy/platforms.ts'
import type { Actor } from '#server/kernel/actor.ts'
import type { Sql, Tx } from '#server/kernel/db.ts'
import { effectivePolicy } from './effective.ts'
import { lockoutReasons } from './lockout.ts'
import type { AffectedPerson, PolicyForecast } from './schema.ts'
import { secondFactorDeadline } from './second-factor.ts'

const SHOWN = 100
const CONNECTED_MS = 10 * 60_000

/** A device counts for caps and minimums until it is erased or retired. */
const IN_USE = `('pending', 'active', 'blocked')`

type Context = { tx: Tx; sql: Sql; tenantId: string; actor: Actor; now: Date }

/** What publishing `document` now would do to whom. */
export async function forecast(context: Context, document: PolicyDocument): Promise<PolicyForecast> {
  const { tx, tenantId, actor } = context
  const current = await effectivePolicy(tx, tenantId)
  const changes = diffPolicies(current.document, document)
  const sameFactorRule = !changes.some(({ path }) => path.startsWith('signIn.secondFactor.'))
  const deadlineMs = secondFactorDeadlineMs(document, context.now.getTime())
  return {
    changes,
    loosens: loosens(changes),
    people: {
      active: await tx.person.count({ where: { tenantId, status: 'active' } }),
      withoutFactor: await withoutFactor(context),
      factorDeadline: sameFactorRule
        ? await secondFactorDeadline(tx, tenantId)
        : deadlineMs === null
          ? null
          : new Date(deadlineMs),
      aboveDeviceCap: await aboveDeviceCap(context, document.devices.maxPerPerson),
    },
    devices: {
      ...(await countDevices(context)),
      belowMinimum: await belowMinimum(context, document),
      browsers: { enrolled: await countBrowsers(context), newOnes: document.devices.browser.enrol },
    },
    lockout: await lockoutReasons(tx, actor, document, changes),
  }
}

/** Index: person_name. */
async function withoutFactor({ sql, tenantId }: Context): Promise<PolicyForecast['people']['withoutFactor']> {
  const rows = await sql<AffectedPerson & { total: string }>(
    `SELECT p.id::text, p.name, p.email, count(*) OVER ()::text AS total FROM person p
      WHERE p.tenant_id = $1::uuid AND p.status = 'active' AND NOT EXISTS (
        SELECT 1 FROM totp_credential t WHERE t.tenant_id = p.tenant_id AND t.person_id = p.id AND t.confirmed_at IS NOT NULL)
      ORDER BY lower(p.name), p.id LIMIT ${SHOWN}`,
    [tenantId],
  )
  return { count: Number(rows[0]?.total ?? 0), items: rows.map(({ id, name, email }) => ({ id, name, email })) }
}

/** They keep what they have and cannot enrol another. Index: device_person. */
async function aboveDeviceCap(
  { sql, tenantId }: Context,
  cap: number | null,
): Promise<PolicyForecast['people']['aboveDeviceCap']> {
  if (cap === null) return { count: 0, items: [] }
  const rows = await sql<AffectedPerson & { devices: string; total: string }>(
    `WITH owners AS (SELECT person_id, count(*) AS devices FROM device WHERE tenant_id = $1::uuid AND status IN ${IN_USE}
                      GROUP BY person_id HAVING count(*) > $2::integer)
     SELECT p.id::text, p.name, p.email, o.devices::text, count(*) OVER ()::text AS total
       FROM owners o JOIN person p ON p.tenant_id = $1::uuid AND p.id = o.person_id
      ORDER BY o.devices DESC, p.id LIMIT ${SHOWN}`,
    [tenantId, cap],
  )
  const items = rows.map(({ id, name, email, devices }) => ({ id, name, email, devices: Number(devices) }))
  return { count: Number(rows[0]?.total ?? 0), items }
}

async function countDevices({ sql, tenantId, now }: Context): Promise<{ active: number; connected: number }> {
  const since = new Date(now.getTime() - CONNECTED_MS).toISOString()
  const [row] = await sql<{ active: string; connected: string }>(
    `SELECT count(*)::text AS active, count(*) FILTER (WHERE s.last_seen_at > $2::text::timestamptz)::text AS connected
       FROM device d LEFT JOIN device_presence s ON s.tenant_id = d.tenant_id AND s.device_id = d.id
      WHERE d.tenant_id = $1::uuid AND d.status = 'active'`,
    [tenantId, since],
  )
  return { active: Number(row?.active ?? 0), connected: Number(row?.connected ?? 0) }
}

function countBrowsers({ tx, tenantId }: Context): Promise<number> {
  return tx.device.count({
    where: { tenantId, channel: 'browser', status: { in: ['pending', 'active', 'blocked'] } },
  })
}

type Build = { platform: string; channel: string; appVersion: string; devices: string }

/** Versions are compared here, not in SQL: once for each build in use, however many devices run it. */
async function belowMinimum(
  { sql, tx, tenantId }: Context,
  document: PolicyDocument,
): Promise<PolicyForecast['devices']['belowMinimum']> {
  const builds = await sql<Build>(
    `SELECT platform, channel, app_version AS "appVersion", count(*)::text AS devices FROM device
      WHERE tenant_id = $1::uuid AND status IN ${IN_USE} GROUP BY platform, channel, app_version`,
    [tenantId],
  )
  const refused = builds.filter(({ platform, channel, appVersion }) => {
    if (!isPlatform(platform)) return false
    return !isAppVersionAccepted(document, {
      platform,
      channel: channel === 'browser' ? 'browser' : 'agent',
      appVersion,
    })
  })
  if (refused.length === 0) return { count: 0, items: [] }
  const items = await tx.device.findMany({
    where: {
      tenantId,
      status: { in: ['pending', 'active', 'blocked'] },
      OR: refused.slice(0, SHOWN).map(({ platform, channel, appVersion }) => ({ platform, channel, appVersion })),
    },
    select: { id: true, name: true, platform: true, appVersion: true },
    orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    take: SHOWN,
  })
  return { count: refused.reduce((sum, { devices }) => sum + Number(devices), 0), items }
}

function isPlatform(name: string): name is Platform {
  return PLATFORMS.some((platform) => platform === name)
}
