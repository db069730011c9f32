import { getExport } from '#server/exports/queries.ts'
import { type ApiCall, apiRoute } from '#server/http/route.ts'

export const GET = apiRoute({ query: getExport, input: ({ params }: ApiCall) => params })
