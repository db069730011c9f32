import { signedInByRequest } from '#server/http/authenticate.ts'
import { liveStream } from '#server/http/live.ts'
import { problemResponse } from '#server/http/problem.ts'
import { AppError } from '#server/kernel/errors.ts'

export const dynamic = 'force-dynamic'

/** What changes in the person's organisation, by noun; `?topics=device,wipe` narrows it. */
export async function GET(request: Request): Promise<Response> {
  const found = await signedInByRequest(request).catch(problemResponse)
  if (found instanceof Response) return found
  if (found?.actor.sessionState !== 'active') return problemResponse(new AppError('unauthenticated'))
  const topics = new URL(request.url).searchParams.get('topics')
  const stream = liveStream(found.actor, topics ? new Set(topics.slice(0, 500).split(',')) : null, request.signal)
  return new Response(stream, {
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'private, no-store',
      'x-accel-buffering': 'no',
    },
  })
}
