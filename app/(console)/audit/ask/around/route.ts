import { getAuditEvent } from '#server/audit/queries.ts'
import { signedInByRequest } from '#server/http/authenticate.ts'
import { isAppError } from '#server/kernel/errors.ts'
import { AROUND_MINUTES, AROUND_WHAT, aroundEvent, eventIdIn } from '../../_questions.ts'
import { auditHref, auditParams, notAroundHref } from '../../search-params.ts'

/** What happened around an event: finds when it occurred and goes to the search of those minutes, or back to say that it is none. */
export async function GET(request: Request): Promise<Response> {
  const given = new URL(request.url).searchParams
  const [params, text] = [auditParams(Object.fromEntries(given)), given.get('value') ?? '']
  const event = await findEvent(request, eventIdIn(text))
  // Who is not signed in signs in there.
  if (!event) return goTo(notAroundHref(params, text.trim()))
  const minutes = AROUND_MINUTES.find((known) => known === given.get('minutes')) ?? AROUND_MINUTES[0]
  const what = AROUND_WHAT.find((known) => known === given.get('what')) ?? 'all'
  return goTo(
    auditHref({
      sort: 'time',
      ...aroundEvent(event, Number(minutes), what),
      ...(params.cols && { cols: params.cols }),
    }),
  )
}

async function findEvent(request: Request, eventId: string | null) {
  const found = eventId ? await signedInByRequest(request) : null
  if (!eventId || found?.actor.sessionState !== 'active') return null
  try {
    return (await getAuditEvent(found.actor, { eventId })).event
  } catch (error) {
    if (isAppError(error)) return null
    throw error
  }
}

function goTo(location: string): Response {
  return new Response(null, { status: 303, headers: { location } })
}
