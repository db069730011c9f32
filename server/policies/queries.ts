import 'server-only'
import { z } from 'zod'
import { signPolicyBundle } from '#protocol/device/policy-bundle.ts'
import { diffPolicies } from '#protocol/policy/diff.ts'
import type { Sql, Tx } from '#server/kernel/db.ts'
import { AppError } from '#server/kernel/errors.ts'
import { defineQuery } from '#server/kernel/query.ts'
import { currentSigningKey } from '#server/kernel/signing.ts'
import { effectivePolicy, startingPolicy, storedDocument } from './effective.ts'
import { forecast } from './forecast.ts'
import {
  forecastInput,
  type PolicyForecast,
  type PolicyVersionDetail,
  type PolicyVersionView,
  type PolicyView,
  policyInput,
  versionInput,
  versionsInput,
} from './schema.ts'
import { namesOf, readPolicy } from './store.ts'

export { type EffectivePolicy, effectivePolicy } from './effective.ts'
// Loading this door also registers the answer that the identity domain asks for.
export { secondFactorDeadline } from './second-factor.ts'

/** The bundle that devices are served: the policy in force, signed by the organisation's key; the same for each of its devices. */
export const getPolicyBundle = defineQuery({
  name: 'policy.bundle',
  permission: 'device',
  input: z.object({}),
  run: async (context): Promise<{ version: number; jws: string }> => {
    const { tenantId } = context
    const { kid, privateKey } = await currentSigningKey(context)
    const { policyId, version, publishedAt, document } = await effectivePolicy(context.tx, tenantId)
    const bundle = { tenantId, policyId, version, publishedAt: publishedAt.toISOString(), document }
    return { version, jws: await signPolicyBundle(bundle, privateKey, kid) }
  },
})

/** Whether browsers may be enrolled now, for whoever makes a code for one. */
export const browserEnrolment = defineQuery({
  name: 'policy.browser_enrolment',
  permission: 'devices:write',
  input: z.object({}),
  run: async ({ tx, tenantId }): Promise<'allow' | 'block'> =>
    (await effectivePolicy(tx, tenantId)).document.devices.browser.enrol,
})

/** Every policy of the organisation: one, so far. */
export const listPolicies = defineQuery({
  name: 'policy.list',
  permission: 'policies:read',
  input: z.object({}),
  run: async ({ tx, tenantId }): Promise<{ items: PolicyView[]; nextCursor: null }> => ({
    items: [await readPolicy(tx, tenantId, tenantId)],
    nextCursor: null,
  }),
})

/** The policy in force and its draft. @throws AppError not_found */
export const getPolicy = defineQuery({
  name: 'policy.get',
  permission: 'policies:read',
  input: policyInput,
  run: ({ tx, tenantId, input }): Promise<PolicyView> => readPolicy(tx, tenantId, input.policyId),
})

/** Published versions, newest first; the cursor is a version. Index: the primary key. @throws AppError not_found · invalid */
export const listPolicyVersions = defineQuery({
  name: 'policy.versions',
  permission: 'policies:read',
  input: versionsInput,
  run: async ({ tx, sql, tenantId, input }): Promise<{ items: PolicyVersionView[]; nextCursor: string | null }> => {
    const { policyId, limit } = input
    await readPolicy(tx, tenantId, policyId)
    const before = input.cursor === undefined ? 2_147_483_647 : cursorVersion(input.cursor)
    const rows = await tx.policyVersion.findMany({
      where: { tenantId, policyId, version: { lt: before } },
      select: { version: true, note: true, restoredFrom: true, publishedAt: true, publishedBy: true },
      orderBy: { version: 'desc' },
      take: limit + 1,
    })
    const page = rows.slice(0, limit)
    const last = page.at(-1)
    const items = await viewVersions(
      { tx, sql, tenantId },
      rows.length > 0 ? page : await unwrittenStart(tx, tenantId, before),
    )
    return { items, nextCursor: rows.length > limit && last ? String(last.version) : null }
  },
})

function cursorVersion(cursor: string): number {
  if (/^[1-9]\d{0,8}$/.test(cursor)) return Number(cursor)
  throw new AppError('invalid', { detail: 'cursor: is not one of ours', fields: { cursor: 'is not one of ours' } })
}

type VersionRow = {
  version: number
  note: string
  restoredFrom: number | null
  publishedAt: Date
  publishedBy: string | null
}

/** Before anything was changed, version 1 has no row. */
async function unwrittenStart(tx: Tx, tenantId: string, before: number): Promise<VersionRow[]> {
  if (before <= 1) return []
  const { version, publishedAt } = await startingPolicy(tx, tenantId)
  return [{ version, note: '', restoredFrom: null, publishedAt, publishedBy: null }]
}

async function viewVersions(
  { tx, sql, tenantId }: { tx: Tx; sql: Sql; tenantId: string },
  rows: readonly VersionRow[],
): Promise<PolicyVersionView[]> {
  const authors = rows.map(({ publishedBy }) => publishedBy)
  const names = await namesOf(tx, tenantId, authors)
  const groups = await sql<{ version: number; devices: string }>(
    `SELECT coalesce(p.policy_version, 0) AS version, count(*)::text AS devices
       FROM device d LEFT JOIN device_presence p ON p.tenant_id = d.tenant_id AND p.device_id = d.id
      WHERE d.tenant_id = $1::uuid AND d.status = 'active' GROUP BY 1`,
    [tenantId],
  )
  const active = groups.reduce((sum, { devices }) => sum + Number(devices), 0)
  const have = new Map(groups.map(({ version, devices }) => [version, Number(devices)]))
  return rows.map((row) => ({
    ...row,
    publishedBy: names(row.publishedBy),
    devices: { have: have.get(row.version) ?? 0, active },
  }))
}

/** One version with what it changed against the one before it. @throws AppError not_found */
export const getPolicyVersion = defineQuery({
  name: 'policy.version',
  permission: 'policies:read',
  input: versionInput,
  run: async ({ tx, tenantId, input: { policyId, version } }): Promise<PolicyVersionDetail> => {
    await readPolicy(tx, tenantId, policyId)
    const row = await readVersion(tx, { tenantId, policyId, version })
    if (!row) throw new AppError('not_found', { detail: 'There is no such version.' })
    const before = await readVersion(tx, { tenantId, policyId, version: version - 1 })
    const names = await namesOf(tx, tenantId, [row.publishedBy])
    return {
      ...row,
      policyId,
      publishedBy: names(row.publishedBy),
      changes: before ? diffPolicies(before.document, row.document) : [],
    }
  },
})

async function readVersion(tx: Tx, key: { tenantId: string; policyId: string; version: number }) {
  const row = await tx.policyVersion.findFirst({
    where: key,
    select: { version: true, note: true, restoredFrom: true, publishedAt: true, publishedBy: true, document: true },
  })
  if (row) return { ...row, document: storedDocument(row.document) }
  // Version 1 exists without a row until the first change.
  const policy = key.version === 1 ? await startingPolicy(tx, key.tenantId) : null
  return (
    policy && {
      version: 1,
      note: '',
      restoredFrom: null,
      publishedAt: policy.publishedAt,
      publishedBy: null,
      document: policy.document,
    }
  )
}

/** What publishing a document (else the draft, else the policy in force) would do to whom. @throws AppError not_found */
export const simulatePolicy = defineQuery({
  name: 'policy.simulate',
  permission: 'policies:read',
  input: forecastInput,
  run: async (context): Promise<PolicyForecast> => {
    const policy = await readPolicy(context.tx, context.tenantId, context.input.policyId)
    return forecast(context, context.input.document ?? policy.draft?.document ?? policy.document)
  },
})
