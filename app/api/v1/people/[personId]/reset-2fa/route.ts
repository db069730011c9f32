import { type ApiCall, apiRoute } from '#server/http/route.ts'
import { resetSecondFactor } from '#server/identity/commands.ts'

export const POST = apiRoute({
  command: resetSecondFactor,
  input: ({ params }: ApiCall) => ({ id: params.personId ?? '' }),
})
