import { missingRanges } from '#server/devices/queries.ts'
import { type ApiCall, apiRoute } from '#server/http/route.ts'

export const GET = apiRoute({
  query: missingRanges,
  input: ({ params }: ApiCall) => params,
  view: (items) => ({ items, nextCursor: null }),
})
