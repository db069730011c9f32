import { searchAudit } from '#server/audit/queries.ts'
import { apiRoute } from '#server/http/route.ts'
import { toRowsPage } from '../_rows.ts'

/** A page of the list, as little as its rows need; the same search as the page's own. */
export const GET = apiRoute({ query: searchAudit, view: toRowsPage })
