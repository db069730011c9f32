import { apiRoute } from '#server/http/route.ts'
import { getPolicyVersion } from '#server/policies/queries.ts'

export const GET = apiRoute({ query: getPolicyVersion })
