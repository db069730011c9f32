import { signedInByRequest } from '#server/http/authenticate.ts'
import { problemResponse } from '#server/http/problem.ts'
import { AppError } from '#server/kernel/errors.ts'
import { findValues } from './find-values.ts'

/** While a query is typed: `?field=actor&q=lin` → the values to choose from. */
export async function GET(request: Request): Promise<Response> {
  try {
    const found = await signedInByRequest(request)
    if (found?.actor.sessionState !== 'active') throw new AppError('unauthenticated')
    const query = new URL(request.url).searchParams
    const text = (query.get('q') ?? '').slice(0, 100)
    const items = await findValues(found.actor, query.get('field') ?? '', text)
    return Response.json({ items }, { headers: { 'cache-control': 'private, no-store' } })
  } catch (error) {
    return problemResponse(error)
  }
}
