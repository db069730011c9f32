import { updateDevice } from '#server/devices/commands.ts'
import { getDevice } from '#server/devices/queries.ts'
import { type ApiCall, apiRoute } from '#server/http/route.ts'

export const GET = apiRoute({ query: getDevice, input: ({ params }: ApiCall) => params })

export const PATCH = apiRoute({ command: updateDevice })
