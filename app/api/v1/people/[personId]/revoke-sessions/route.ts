import { type ApiCall, apiRoute } from '#server/http/route.ts'
import { revokePersonSessions } from '#server/identity/commands.ts'

export const POST = apiRoute({
  command: revokePersonSessions,
  input: ({ params }: ApiCall) => ({ id: params.personId ?? '' }),
})
