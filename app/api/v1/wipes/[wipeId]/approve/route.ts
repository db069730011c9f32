import { decisions } from '#server/approvals/commands.ts'
import { type ApiCall, apiRoute } from '#server/http/route.ts'

export const POST = apiRoute({
  command: decisions['device.wipe'].approve,
  input: ({ params }: ApiCall) => ({ requestId: params.wipeId }),
  view: ({ id, state }) => ({ id, state }),
})
