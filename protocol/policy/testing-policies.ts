import { defaultPolicy, type PolicyDocument } from './document.ts'

/** The default policy, changed. */
export function policyWith(change: (policy: PolicyDocument) => void): PolicyDocument {
  const policy = defaultPolicy()
  change(policy)
  return policy
}
