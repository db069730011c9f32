import { z } from 'zod'
import { canonicalPolicy, policyDocumentSchema } from '#protocol/policy/document.ts'
import { DeviceProtocolError, expectSame } from './error.ts'
import { id, time } from './fields.ts'
import { JWS_TYPES, signJws, verifyJws } from './jws.ts'
import type { Jwks } from './keys.ts'

/** What `GET policy` serves, signed by the tenant's key; the same for every device of the tenant. */
export const policyBundleSchema = z.object({
  tenantId: id,
  policyId: id,
  version: z.int().min(1),
  publishedAt: time,
  document: policyDocumentSchema,
})

export type PolicyBundle = z.infer<typeof policyBundleSchema>

/** Signs a bundle with the tenant's key. */
export async function signPolicyBundle(bundle: PolicyBundle, key: CryptoKey, kid: string): Promise<string> {
  const parsed = policyBundleSchema.parse(bundle)
  return signJws({
    typ: JWS_TYPES.policy,
    payload: { ...parsed, document: canonicalPolicy(parsed.document) },
    key,
    kid,
  })
}

/**
 * Verifies a bundle. Throws the JWS codes, `malformed` or `wrong_tenant`; `expired` for a version below
 * `minVersion`, so that nobody can hand a device yesterday's policy.
 */
export async function verifyPolicyBundle(
  jws: string,
  serverKeys: Jwks,
  expected: { tenantId: string; minVersion?: number | undefined },
): Promise<PolicyBundle> {
  const parsed = policyBundleSchema.safeParse(await verifyJws(jws, JWS_TYPES.policy, serverKeys))
  if (!parsed.success)
    throw new DeviceProtocolError('malformed', 'the policy bundle is not readable', { cause: parsed.error })
  expectSame('wrong_tenant', 'tenantId', parsed.data.tenantId, expected.tenantId)
  if (parsed.data.version < (expected.minVersion ?? 0)) {
    throw new DeviceProtocolError('expired', `version ${parsed.data.version} is older than ${expected.minVersion}`)
  }
  return parsed.data
}
