import { signedInByRequest } from '#server/http/authenticate.ts'
import { problemResponse } from '#server/http/problem.ts'
import { AppError } from '#server/kernel/errors.ts'
import { findThings } from './find-things.ts'

/** The field on top of every page: `?q=` → people, devices and files that this person may see. */
export async function GET(request: Request): Promise<Response> {
  try {
    const found = await signedInByRequest(request)
    if (found?.actor.sessionState !== 'active') throw new AppError('unauthenticated')
    const items = await findThings(found.actor, new URL(request.url).searchParams.get('q') ?? '')
    return Response.json({ items }, { headers: { 'cache-control': 'private, no-store' } })
  } catch (error) {
    return problemResponse(error)
  }
}
