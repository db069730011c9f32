import { apiRoute } from '#server/http/route.ts'
import { listPolicyVersions } from '#server/policies/queries.ts'

export const GET = apiRoute({ query: listPolicyVersions })
