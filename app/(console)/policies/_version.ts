import { notFound } from 'next/navigation'
import type { PersonActor } from '#server/kernel/actor.ts'
import { isAppError } from '#server/kernel/errors.ts'
import { getPolicyVersion } from '#server/policies/queries.ts'
import type { PolicyVersionDetail } from '#server/policies/schema.ts'

/** The version that a path names, or the page that says there is none. */
export async function versionOrNotFound(actor: PersonActor, version: string): Promise<PolicyVersionDetail> {
  try {
    return await getPolicyVersion(actor, { policyId: actor.tenantId, version })
  } catch (error) {
    if (isAppError(error) && (error.code === 'not_found' || error.code === 'invalid')) notFound()
    throw error
  }
}
