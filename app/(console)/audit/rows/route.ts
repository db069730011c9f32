import { searchAudit } from '#server/audit/queries.ts'
import { signedInByRequest } from '#server/http/authenticate.ts'
import { problemResponse } from '#server/http/problem.ts'
import { type RowsAnswer, toRowsPage } from '../_rows.ts'

/**
 * A page of the list, as little as its rows need; the same search as the page's own. A session that is over is an answer
 * here, no failure: a list that follows the log asks again and again, and browsers call each refusal an error.
 */
export async function GET(request: Request): Promise<Response> {
  try {
    const found = await signedInByRequest(request)
    if (found?.actor.sessionState !== 'active') return answer({ signedOut: true })
    // The query parses what it is given: a wrong field is a 400 that names it.
    const asked = Object.fromEntries(new URL(request.url).searchParams)
    return answer(toRowsPage(await searchAudit(found.actor, asked as Parameters<typeof searchAudit>[1])))
  } catch (error) {
    return problemResponse(error)
  }
}

function answer(body: RowsAnswer): Response {
  return Response.json(body, { headers: { 'cache-control': 'private, no-store' } })
}
