import { apiRoute } from '#server/http/route.ts'
import { getPerson } from '#server/people/queries.ts'
import { getPolicy } from '#server/policies/queries.ts'

/** The policy that holds for this person: today the organisation's, whoever they are. */
export const GET = apiRoute({
  handler: async ({ actor, params }) => {
    const person = await getPerson(actor, { id: params.personId ?? '' })
    const { id, version, document } = await getPolicy(actor, { policyId: actor.tenantId })
    return { personId: person.id, policyId: id, version, document }
  },
})
