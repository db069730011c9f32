import type { FastifyRequest } from 'fastify'
import { getLogFile, getTlogProof } from '#server/audit/queries.ts'
import { problemOf } from '#server/http/problem.ts'
import { apiKeyByToken } from '#server/identity/queries.ts'
import type { ApiKeyActor } from '#server/kernel/actor.ts'
import { AppError } from '#server/kernel/errors.ts'
import { addressOf, type Gateway } from '../gateway.ts'
import { DEFAULT_RATES, networkOf, RateLimit } from '../rate-limits.ts'

type LogRequest = FastifyRequest<{ Params: { tenantId: string; '*': string } }>

/** The audit log for other people's tools (c2sp.org/tlog-tiles), below `/log/ORGANISATION/`, with an API key that may read it. */
export function logRoutes(gateway: Gateway): void {
  const failures = new RateLimit(DEFAULT_RATES.failures)
  gateway.app.route<{ Params: { tenantId: string; '*': string } }>({
    method: 'GET',
    url: '/log/:tenantId/*',
    exposeHeadRoute: false,
    // These answer people's tools, not devices: the challenge is Bearer.
    errorHandler: (error, request, reply) => {
      const { status, headers, body } = problemOf(error, request.id)
      return reply.code(status).headers(headers).send(JSON.stringify(body))
    },
    handler: async (request, reply) => {
      const actor = await keyOf(gateway, request, failures)
      const path = request.params['*']
      const [, eventId] = /^(?:\d{1,6}\/)?proof\/([^/]+)$/.exec(path) ?? []
      if (eventId !== undefined) {
        const { text } = await getTlogProof(actor, { eventId })
        return reply.header('cache-control', 'private, no-store').type('text/plain; charset=utf-8').send(text)
      }
      const { type, body, isForever } = await getLogFile(actor, { path })
      return reply
        .header('cache-control', isForever ? 'private, max-age=31536000, immutable' : 'private, no-store')
        .type(type)
        .send(Buffer.from(body))
    },
  })
}

/** @throws AppError unauthenticated without a live key · not_found for the log of another organisation */
async function keyOf(gateway: Gateway, request: LogRequest, failures: RateLimit): Promise<ApiKeyActor> {
  const address = addressOf(gateway, request.raw)
  const network = networkOf(address)
  failures.check(network)
  const [, token] = /^Bearer +(gh_[\w.-]+)$/i.exec(request.headers.authorization ?? '') ?? []
  const actor = token ? await apiKeyByToken(token, address) : null
  if (!actor) {
    failures.take(network)
    throw new AppError('unauthenticated', {
      detail: 'Send Authorization: Bearer gh_… with an API key that may audit:read.',
    })
  }
  if (actor.tenantId !== request.params.tenantId) throw new AppError('not_found', { detail: 'There is no such log.' })
  return actor
}
