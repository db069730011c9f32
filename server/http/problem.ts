import { uuidv7 } from '#lib/uuid.ts'
import { AppError, asAppError, isAppError } from '#server/kernel/errors.ts'
import { createLog } from '#server/kernel/log.ts'

const log = createLog('http')

export const PROBLEM_TYPE = 'application/problem+json'

/** A problem document (RFC 9457) and the headers to send with it. */
export type Problem = { status: number; headers: Record<string, string>; body: Record<string, unknown> }

export function newRequestId(): string {
  return uuidv7()
}

/** Any failure as an AppError: a lost database is `unavailable`; a bug is logged with the request's id and says nothing. */
export function toAppError(error: unknown, requestId: string): AppError {
  const expected = asAppError(error)
  if (isAppError(expected)) return expected
  log.error({ err: error, requestId }, 'a request failed')
  return new AppError('internal', {
    detail: 'Something went wrong on our side. The request id finds it in the log.',
    cause: error,
  })
}

/** The problem document of a failure. `errors` names each wrong field. */
export function problemOf(error: unknown, requestId: string): Problem {
  const failure = toAppError(error, requestId)
  const errors = failure.fields && Object.entries(failure.fields).map(([field, detail]) => ({ field, detail }))
  return {
    status: failure.status,
    headers: {
      'content-type': PROBLEM_TYPE,
      'cache-control': 'no-store',
      'x-request-id': requestId,
      ...(failure.retryAfter === undefined ? {} : { 'retry-after': String(failure.retryAfter) }),
      ...(failure.status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
    },
    body: {
      ...failure.extra,
      type: `urn:gatehouse:problem:${failure.code}`,
      title: failure.title,
      status: failure.status,
      code: failure.code,
      detail: failure.detail,
      requestId,
      ...(errors ? { errors } : {}),
    },
  }
}

/** The same as a Response. */
export function problemResponse(error: unknown, requestId: string = newRequestId()): Response {
  const { status, headers, body } = problemOf(error, requestId)
  return new Response(JSON.stringify(body), { status, headers })
}
