import 'server-only'
import { z } from 'zod'
import { signPolicyBundle } from '#protocol/device/policy-bundle.ts'
import { defineQuery } from '#server/kernel/query.ts'
import { currentSigningKey } from '#server/kernel/signing.ts'
import { effectivePolicy } from './effective.ts'

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
