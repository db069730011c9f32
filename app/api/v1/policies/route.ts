import { apiRoute } from '#server/http/route.ts'
import { listPolicies } from '#server/policies/queries.ts'

export const GET = apiRoute({ query: listPolicies, input: () => ({}) })
