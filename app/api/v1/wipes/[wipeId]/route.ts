import { getWipe } from '#server/devices/queries.ts'
import { type ApiCall, apiRoute } from '#server/http/route.ts'

export const GET = apiRoute({ query: getWipe, input: ({ params }: ApiCall) => params })
