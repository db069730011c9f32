import { apiRoute } from '#server/http/route.ts'
import { getPolicy } from '#server/policies/queries.ts'

export const GET = apiRoute({ query: getPolicy })
