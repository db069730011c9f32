import { placeHold } from '#server/audit/commands.ts'
import { listHolds } from '#server/audit/queries.ts'
import { apiRoute } from '#server/http/route.ts'

export const GET = apiRoute({ query: listHolds, view: (items) => ({ items, nextCursor: null }) })

export const POST = apiRoute({ command: placeHold, status: 201 })
