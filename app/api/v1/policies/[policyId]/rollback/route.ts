import { apiRoute } from '#server/http/route.ts'
import { rollbackPolicy } from '#server/policies/commands.ts'

export const POST = apiRoute({ command: rollbackPolicy })
