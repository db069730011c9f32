import { readJson } from '#server/http/body.ts'
import { type ApiCall, apiRoute } from '#server/http/route.ts'
import { getPerson } from '#server/people/queries.ts'
import { changePerson } from './change.ts'

export const GET = apiRoute({ query: getPerson, input: ({ params }: ApiCall) => ({ id: params.personId ?? '' }) })

/** One change at a time: `name`, `role` (a person decides it) or `status`. */
export const PATCH = apiRoute({
  handler: async ({ actor, request, params }) => changePerson(actor, params.personId ?? '', await readJson(request)),
})
