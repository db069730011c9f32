import './wiring.ts'
import { apiKeyByToken, type SignedIn, signedInByToken } from '#server/identity/queries.ts'
import type { ApiKeyActor } from '#server/kernel/actor.ts'
import { AppError } from '#server/kernel/errors.ts'
import { clientOf } from './client.ts'
import { cookieNames, cookieOf } from './cookie-names.ts'

/**
 * The API key of a request; null when it carries no `Authorization`.
 * @throws AppError unauthenticated when it carries one that is not a live key
 */
export async function apiKeyFromRequest(request: Request): Promise<ApiKeyActor | null> {
  const header = request.headers.get('authorization')
  if (header === null) return null
  const token = /^Bearer +(gh_[\w.-]+)$/i.exec(header)?.[1]
  const actor = token ? await apiKeyByToken(token, clientOf(request.headers).address) : null
  if (!actor)
    throw new AppError('unauthenticated', { detail: 'Authorization: this is not a live API key (Bearer gh_…).' })
  return actor
}

/** Who a request's session cookie belongs to; for route handlers, which have the request in hand. */
export async function signedInByRequest(request: Request): Promise<SignedIn | null> {
  const { session } = await cookieNames()
  const token = cookieOf(request, session)
  return token ? signedInByToken(token, clientOf(request.headers)) : null
}
