import { listWipes } from '#server/devices/queries.ts'
import { apiRoute } from '#server/http/route.ts'

export const GET = apiRoute({ query: listWipes })
