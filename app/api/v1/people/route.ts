import { readJson } from '#server/http/body.ts'
import { apiRoute } from '#server/http/route.ts'
import { invitePerson, inviteStaff } from '#server/people/commands.ts'
import { listPeople } from '#server/people/queries.ts'

export const GET = apiRoute({ query: listPeople })

/** Invites somebody. A key may invite members; who gets rights in the console is decided by a person. */
export const POST = apiRoute({
  status: 201,
  handler: async ({ actor, request, idempotencyKey }) => {
    const body = await readJson(request)
    const { role = 'member' } = body
    // The commands parse their input: until then it has no type.
    if (role === 'member') return invitePerson(actor, body as Parameters<typeof invitePerson>[1], { idempotencyKey })
    return inviteStaff(actor, body as Parameters<typeof inviteStaff>[1], { idempotencyKey })
  },
})
