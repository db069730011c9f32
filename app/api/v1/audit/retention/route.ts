import { getRetention } from '#server/audit/queries.ts'
import { apiRoute } from '#server/http/route.ts'

export const GET = apiRoute({ query: getRetention })
