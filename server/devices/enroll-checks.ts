import 'server-only'
import type { DeviceFacts } from '#protocol/device/messages.ts'
import { isAppVersionAccepted, requiredAppVersion } from '#protocol/policy/evaluate.ts'
import type { Sql, Tx } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import type { EffectivePolicy } from '#server/policies/queries.ts'
import { OPEN_WIPES_SQL } from './device-rows.ts'
import type { ServiceProblem } from './schema.ts'

type Context = { tx: Tx; sql: Sql; tenantId: string; now: Date }
type Request = { codeId: string; thumbprint: string; facts: DeviceFacts }

/** `repeats`: the device that this code and key enrolled before, when the answer to that was lost. */
export type Applicant = { personId: string; personName: string; repeats: string | null }

/** The person of an unused, unexpired code, both rows locked. One answer for every way a code can be wrong. */
export async function claimCode({ sql, tenantId, now }: Context, { codeId, thumbprint }: Request): Promise<Applicant> {
  await sql('SELECT 1 FROM enrollment_code WHERE tenant_id = $1::uuid AND id = $2::uuid FOR UPDATE', [tenantId, codeId])
  // The person's lock makes the enrolments of one person take turns: the cap is counted behind it.
  const [code] = await sql<{ usedBy: string | null; deviceId: string | null; personId: string; personName: string }>(
    `SELECT c.used_by AS "usedBy", c.device_id::text AS "deviceId", p.id::text AS "personId", p.name AS "personName"
       FROM enrollment_code c JOIN person p ON p.tenant_id = c.tenant_id AND p.id = c.person_id
       JOIN tenant t ON t.id = c.tenant_id AND t.status = 'active'
      WHERE c.tenant_id = $1::uuid AND c.id = $2::uuid AND c.expires_at > $3::text::timestamptz AND c.revoked_at IS NULL
        AND (c.used_at IS NULL OR c.used_by = $4::text) AND p.status <> 'suspended'
        FOR UPDATE OF p`,
    [tenantId, codeId, now.toISOString(), thumbprint],
  )
  if (!code) throw new AppError('enrollment_code_invalid')
  const { personId, personName, deviceId } = code
  return { personId, personName, repeats: code.usedBy === null ? null : deviceId }
}

/** Why the policy does not serve an app of this version, or null. */
export function appVersionProblem(
  { document }: EffectivePolicy,
  { platform, appVersion }: Pick<DeviceFacts, 'platform' | 'appVersion'>,
): ServiceProblem | null {
  const device = { platform, channel: platform === 'browser' ? 'browser' : 'agent', appVersion } as const
  if (isAppVersionAccepted(document, device)) return null
  const minimum = requiredAppVersion(document, device)
  return {
    code: 'app_version_too_old',
    detail: `Your organisation needs version ${minimum} of the app or newer; this one is ${appVersion}.`,
  }
}

/** @throws AppError app_version_too_old */
export function refuseOldApp(policy: EffectivePolicy, facts: Pick<DeviceFacts, 'platform' | 'appVersion'>): void {
  const problem = appVersionProblem(policy, facts)
  if (problem) throw new AppError('app_version_too_old', { detail: problem.detail })
}

/**
 * The policy may let no more browsers in; a browser whose answer was lost has been let in already.
 * @throws AppError policy_forbids
 */
export function refuseBrowser(
  { document }: EffectivePolicy,
  { facts, repeats }: { facts: Pick<DeviceFacts, 'platform'>; repeats: string | null },
): void {
  if (facts.platform !== 'browser' || repeats || document.devices.browser.enrol === 'allow') return
  throw new AppError('policy_forbids', {
    detail:
      'Your organisation does not let browsers be enrolled. Use the app on a device, or ask an administrator (policy: devices.browser.enrol).',
  })
}

/**
 * The same hardware may not slip out of an open erase by enrolling again. The same means: the same signing key, or the same
 * platform and serial as it states itself. @throws AppError wipe_pending
 */
export async function refuseOpenWipe({ sql, tenantId }: Context, { thumbprint, facts }: Request): Promise<void> {
  const open = await sql(
    `SELECT 1 FROM wipe w JOIN device d ON d.tenant_id = w.tenant_id AND d.id = w.device_id
      WHERE w.tenant_id = $1::uuid AND w.state IN ${OPEN_WIPES_SQL}
        AND ((d.serial <> '' AND d.serial = $3::text AND d.platform = $4::text)
             OR EXISTS (SELECT 1 FROM enrollment e WHERE e.tenant_id = w.tenant_id AND e.device_id = d.id AND e.sign_thumbprint = $2::text))
      LIMIT 1`,
    [tenantId, thumbprint, facts.serial ?? '', facts.platform],
  )
  if (open.length > 0)
    throw new AppError('wipe_pending', {
      detail: 'An erase of this device is pending. It cannot be enrolled before that is over.',
    })
}

type Comeback = { thumbprint: string; repeats: string | null }

/**
 * The device that enrolled with this key before, or that this code and key enrolled (its key may have changed since).
 * @throws AppError forbidden when it may not come back · enrollment_code_invalid when the code served a device that was retired since
 */
export async function findKnownDevice(
  { sql, tenantId }: Context,
  { thumbprint, repeats }: Comeback,
): Promise<string | null> {
  const [device] = await sql<{ id: string; status: string }>(
    `SELECT d.id::text, d.status FROM enrollment e JOIN device d ON d.tenant_id = e.tenant_id AND d.id = e.device_id
      WHERE e.tenant_id = $1::uuid AND CASE WHEN $3::text IS NULL THEN e.sign_thumbprint = $2::text ELSE d.id = $3::text::uuid END
      ORDER BY e.started_at DESC LIMIT 1 FOR UPDATE OF d`,
    [tenantId, thumbprint, repeats],
  )
  if (!device) return null
  // A block would mean nothing if its device could come back by enrolling; a wiped one has no right to its key any more.
  if (device.status === 'blocked' || device.status === 'wiped') {
    throw new AppError('forbidden', { detail: `This device is ${device.status}. Ask your administrator.` })
  }
  // A lost answer is asked for again before anybody retires the device; afterwards it takes a new code.
  if (repeats && device.status === 'retired') throw new AppError('enrollment_code_invalid')
  return device.id
}

type CapCheck = { policy: EffectivePolicy; applicant: Applicant; known: string | null }

/** @throws AppError device_limit_reached, telling the limit */
export async function refuseCap({ tx, tenantId }: Context, { policy, applicant, known }: CapCheck): Promise<void> {
  const { maxPerPerson } = policy.document.devices
  if (maxPerPerson === null) return
  const others = await tx.device.count({
    where: {
      tenantId,
      personId: applicant.personId,
      status: { in: ['pending', 'active', 'blocked'] },
      ...(known ? { id: { not: known } } : {}),
    },
  })
  if (others < maxPerPerson) return
  throw new AppError('device_limit_reached', {
    detail: `${applicant.personName} has ${others} devices; the organisation allows ${maxPerPerson}. Ask an administrator to retire one.`,
  })
}
