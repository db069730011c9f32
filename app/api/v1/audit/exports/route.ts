import { requestExport } from '#server/exports/commands.ts'
import { listExports } from '#server/exports/queries.ts'
import { apiRoute } from '#server/http/route.ts'

export const GET = apiRoute({ query: listExports })

export const POST = apiRoute({ command: requestExport, status: 202 })
