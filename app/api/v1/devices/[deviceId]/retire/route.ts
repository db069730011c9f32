import { retireDevice } from '#server/devices/commands.ts'
import { apiRoute } from '#server/http/route.ts'

export const POST = apiRoute({ command: retireDevice })
