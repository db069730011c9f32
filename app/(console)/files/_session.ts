import { signedInByRequest } from '#server/http/authenticate.ts'
import { isSameOrigin } from '#server/http/client.ts'
import type { Actor } from '#server/kernel/actor.ts'
import { readEnv } from '#server/kernel/env.ts'
import { AppError } from '#server/kernel/errors.ts'

/** Who sends to one of the console's own routes: the session's cookie counts only together with our own origin. @throws AppError */
export async function requireOwnPage(request: Request): Promise<Actor> {
  if (!isSameOrigin(request.headers, readEnv().url)) throw new AppError('forbidden')
  const found = await signedInByRequest(request)
  if (!found) throw new AppError('unauthenticated')
  return found.actor
}
