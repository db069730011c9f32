import { isLoopback } from '#lib/client-address.ts'
import type { Actor } from '#server/kernel/actor.ts'
import { AppError } from '#server/kernel/errors.ts'
import { apiKeyFromRequest, signedInByRequest } from './authenticate.ts'
import { readJson } from './body.ts'
import { clientOf } from './client.ts'
import { newRequestId, problemResponse } from './problem.ts'

type RouteContext = { params: Promise<Record<string, string | string[] | undefined>> }

/** One authenticated call of the admin API. */
export type ApiCall = {
  actor: Actor
  request: Request
  requestId: string
  /** The parts of the path, as they came. */
  params: Record<string, string>
  /** The query string; of a repeated name the first value. */
  query: Record<string, string>
  idempotencyKey: string | undefined
}

type CommandOf<I, R> = (actor: Actor, input: I, options?: { idempotencyKey?: string | undefined }) => Promise<R>
type QueryOf<I, R> = (actor: Actor, input: I) => Promise<R>
type Shape<R> = {
  /** Default 200; 204 when there is nothing to say. */
  status?: number
  /** What of the result is sent, where not all of it as it is; a Response is a file. */
  view?: (result: R, call: ApiCall) => unknown
}

/** What a route does: a command with the body and the path's parts, a query with the query string and those, or anything else. */
export type ApiRoute<I, R> =
  | ({ command: CommandOf<I, R>; input?: (call: ApiCall, body: Record<string, unknown>) => unknown } & Shape<R>)
  | ({ query: QueryOf<I, R>; input?: (call: ApiCall) => unknown } & Shape<R>)
  | ({ handler: (call: ApiCall) => Promise<R> } & Shape<R>)

/**
 * A route of the admin API: authenticates (an API key; for GET also the console's session), calls one door, and answers
 * JSON or a problem document. The door parses its input: a wrong field is a 400 that names it.
 */
export function apiRoute<I, R>(route: ApiRoute<I, R>) {
  return async (request: Request, context: RouteContext): Promise<Response> => {
    const requestId = newRequestId()
    try {
      const call = await readCall(request, context, requestId)
      const result = await perform(route, call)
      const shown = route.view && !(result instanceof Response) ? route.view(result, call) : result
      return shown instanceof Response ? shown : answer(call, shown, route.status)
    } catch (error) {
      return problemResponse(error, requestId)
    }
  }
}

async function readCall(request: Request, { params }: RouteContext, requestId: string): Promise<ApiCall> {
  const actor = await authenticate(request)
  const url = new URL(request.url)
  const query: Record<string, string> = {}
  for (const [name, value] of url.searchParams) query[name] ??= value
  const parts = Object.entries((await params) ?? {}).map(
    ([name, value]) => [name, Array.isArray(value) ? value.join('/') : (value ?? '')] as const,
  )
  return {
    actor,
    request,
    requestId,
    params: Object.fromEntries(parts),
    query,
    idempotencyKey: idempotencyKeyOf(request),
  }
}

async function authenticate(request: Request): Promise<Actor> {
  const key = await apiKeyFromRequest(request)
  if (key) return key
  // A cookie travels with whatever page asks: it may read, never write.
  const signedIn = request.method === 'GET' || request.method === 'HEAD' ? await signedInByRequest(request) : null
  if (!signedIn) throw new AppError('unauthenticated', { detail: 'Send Authorization: Bearer gh_… with an API key.' })
  return signedIn.actor
}

function idempotencyKeyOf(request: Request): string | undefined {
  const key = request.headers.get('idempotency-key')
  if (key === null || request.method !== 'POST') return undefined
  if (/^[\x21-\x7e]{1,255}$/.test(key)) return key
  throw new AppError('invalid', {
    detail: 'Idempotency-Key: needs 1 to 255 visible ASCII characters',
    fields: { 'Idempotency-Key': 'needs 1 to 255 visible ASCII characters' },
  })
}

async function perform<I, R>(route: ApiRoute<I, R>, call: ApiCall): Promise<R> {
  if ('handler' in route) return route.handler(call)
  if ('query' in route) {
    // The door parses what it is given: until then its input has no type.
    const input = route.input ? route.input(call) : { ...call.query, ...call.params }
    return route.query(call.actor, input as I)
  }
  const body = await readJson(call.request)
  const input = route.input ? route.input(call, body) : { ...body, ...call.params }
  return route.command(call.actor, input as I, { idempotencyKey: call.idempotencyKey })
}

function answer({ request, requestId }: ApiCall, body: unknown, status: number | undefined): Response {
  // Who asks on this machine gains nothing from a smaller answer, and waits for it to be made and read.
  const isNear = isLoopback(clientOf(request.headers).address)
  const headers = {
    'cache-control': isNear ? 'private, no-store, no-transform' : 'private, no-store',
    'x-request-id': requestId,
  }
  if (body === null || body === undefined) return new Response(null, { status: status ?? 204, headers })
  return Response.json(body, { status: status ?? 200, headers })
}
