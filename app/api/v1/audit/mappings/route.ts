import { listMappings } from '#server/audit/queries.ts'
import { apiRoute } from '#server/http/route.ts'

/** Every saved mapping; at most 200, so there is one page. */
export const GET = apiRoute({ query: listMappings, view: (items) => ({ items, nextCursor: null }) })
