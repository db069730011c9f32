import { cancelExport } from '#server/exports/commands.ts'
import { type ApiCall, apiRoute } from '#server/http/route.ts'

export const POST = apiRoute({ command: cancelExport, input: ({ params }: ApiCall) => params, status: 204 })
