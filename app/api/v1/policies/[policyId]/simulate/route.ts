import { readJson } from '#server/http/body.ts'
import { apiRoute } from '#server/http/route.ts'
import { simulatePolicy } from '#server/policies/queries.ts'
import { withDocument } from '../body.ts'

type Input = Parameters<typeof simulatePolicy>[1]

/** Looks ahead and changes nothing; a POST only because a document does not fit into a URL. */
export const POST = apiRoute({
  handler: async ({ actor, request, params }) => {
    const input = { ...withDocument(await readJson(request)), policyId: params.policyId }
    // The query parses it: until then it has no type.
    return simulatePolicy(actor, input as Input)
  },
})
