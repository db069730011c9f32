import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import { problemOf } from '#server/http/problem.ts'
import { AppError, asAppError, type ErrorCode, isAppError } from '#server/kernel/errors.ts'

/** Where the device protocol has a name of its own (protocol/device/problem-codes.ts). */
const DEVICE_CODES: Partial<Record<ErrorCode, string>> = {
  too_large: 'payload_too_large',
  policy_forbids: 'policy_denied',
  unauthenticated: 'invalid_token',
}

/** Sends any error as a problem document (RFC 9457). A bug is logged under the request's id and says nothing else. */
export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply, log: Logger): FastifyReply {
  const known = knownError(error)
  if (isAppError(known) && known.code === 'unavailable') {
    log.warn({ err: known.cause ?? known, requestId: request.id }, 'a request was turned away')
  }
  // Logs what is no expected failure.
  const { status, headers, body } = problemOf(known, request.id)
  const isDevice = request.url.startsWith('/device/')
  const code = isAppError(known) ? ((isDevice ? DEVICE_CODES[known.code] : undefined) ?? known.code) : 'internal'
  if (status === 401 && isDevice) headers['www-authenticate'] = `DPoP algs="ES256", error="${code}"`
  // What was not read of a refused body would be taken for the next request.
  if (!request.raw.readableEnded && request.method === 'POST') headers.connection = 'close'
  return reply
    .code(status)
    .headers(headers)
    .send(JSON.stringify({ ...body, type: `urn:gatehouse:problem:${code}`, code }))
}

/** What the framework refused by itself, in our terms; anything else as it is. */
function knownError(error: unknown): unknown {
  const known = asAppError(error)
  if (isAppError(known)) return known
  const { statusCode, code } = (error ?? {}) as Partial<FastifyError>
  if (statusCode === undefined || statusCode < 400 || statusCode >= 500) return known
  if (statusCode === 413) return new AppError('too_large', { detail: 'The body is larger than is allowed here.' })
  if (statusCode === 415) {
    return new AppError('unsupported_media_type', { detail: 'The Content-Type is not one that is read here.' })
  }
  const detail = PARSE_PROBLEMS[code ?? ''] ?? 'The request cannot be read.'
  return new AppError('invalid', { detail, fields: { body: 'cannot be read' } })
}

const PARSE_PROBLEMS: Record<string, string> = {
  FST_ERR_CTP_INVALID_JSON_BODY: 'The body is not JSON.',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'The body is empty; JSON is expected.',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'The body is not as long as its Content-Length says.',
}
