import { cancelAllRequests } from '#server/approvals/commands.ts'
import { apiRoute } from '#server/http/route.ts'

export const POST = apiRoute({ command: cancelAllRequests })
