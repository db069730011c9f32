import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import { AppError, asAppError, type ErrorCode, isAppError } from '#server/kernel/errors.ts'

/** Where the device protocol has a name of its own (protocol/device/problem-codes.ts). */
const DEVICE_CODES: Partial<Record<ErrorCode, string>> = {
  too_large: 'payload_too_large',
  policy_forbids: 'policy_denied',
  unauthenticated: 'invalid_token',
}

/** Sends any error as a problem document (RFC 9457). A bug is logged under the request's id and says nothing else. */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply, log: Logger): FastifyReply {
  const problem = toAppError(error)
  if (problem.status >= 500 && problem.code !== 'unavailable') {
    log.error(
      { err: error, requestId: request.id, method: request.method, route: request.routeOptions.url },
      'a request failed',
    )
  } else if (problem.code === 'unavailable') {
    log.warn({ err: problem.cause ?? problem, requestId: request.id }, 'a request was turned away')
  }
  if (problem.retryAfter !== undefined) reply.header('retry-after', String(Math.ceil(problem.retryAfter)))
  if (problem.status === 401) reply.header('www-authenticate', `DPoP algs="ES256", error="${problem.code}"`)
  // What was not read of a refused body would be taken for the next request.
  if (request.raw.readableEnded === false && request.method === 'POST') reply.header('connection', 'close')
  return reply
    .code(problem.status)
    .type('application/problem+json')
    .send(JSON.stringify(documentOf(problem, request.id)))
}

function documentOf(problem: AppError, requestId: string) {
  const { title, status, detail, fields, extra } = problem
  const code = DEVICE_CODES[problem.code] ?? problem.code
  const errors = fields && Object.entries(fields).map(([field, message]) => ({ field, message }))
  return { type: 'about:blank', title, status, code, detail, requestId, ...(errors ? { errors } : {}), ...extra }
}

function toAppError(error: unknown): AppError {
  const known = asAppError(error)
  if (isAppError(known)) return known
  const { statusCode, code } = (error ?? {}) as Partial<FastifyError>
  if (statusCode === 413) return new AppError('too_large', { detail: 'The body is larger than is allowed here.' })
  if (statusCode === 415)
    return new AppError('unsupported_media_type', { detail: 'The Content-Type is not one that is read here.' })
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new AppError('invalid', {
      detail: PARSE_PROBLEMS[code ?? ''] ?? 'The request cannot be read.',
      fields: { body: 'cannot be read' },
    })
  }
  return new AppError('internal', { cause: error })
}

const PARSE_PROBLEMS: Record<string, string> = {
  FST_ERR_CTP_INVALID_JSON_BODY: 'The body is not JSON.',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'The body is empty; JSON is expected.',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'The body is not as long as its Content-Length says.',
}
