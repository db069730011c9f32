/** Every code a door may answer with, and how it looks from outside. Exhaustive: a new code does not compile without its row. */
const TABLE = {
  invalid: { status: 400, title: 'The request is not valid' },
  query_invalid: { status: 400, title: 'The search is not valid' },
  unauthenticated: { status: 401, title: 'Sign in first' },
  bad_credentials: { status: 401, title: 'Those credentials are not valid' },
  invalid_token: { status: 401, title: 'The device token is not valid' },
  device_revoked: { status: 401, title: 'This device has been revoked' },
  use_dpop_nonce: { status: 401, title: 'Use the nonce of the server' },
  invalid_dpop_proof: { status: 401, title: 'The DPoP proof is not valid' },
  second_factor_required: { status: 403, title: 'A second factor is required' },
  factor_enrollment_required: { status: 403, title: 'Enrol a second factor first' },
  forbidden: { status: 403, title: 'Not permitted' },
  person_required: { status: 403, title: 'This needs a person' },
  other_person_required: { status: 403, title: 'This needs another person' },
  step_up_required: { status: 403, title: 'Confirm with your second factor' },
  wipe_pending: { status: 403, title: 'An erase of this device is pending' },
  enrollment_code_invalid: { status: 403, title: 'The enrolment code is not valid' },
  device_pending: { status: 403, title: 'This device waits for approval' },
  device_limit_reached: { status: 403, title: 'The limit of devices is reached' },
  app_version_too_old: { status: 403, title: 'The app is too old' },
  tenant_suspended: { status: 403, title: 'The organisation is suspended' },
  policy_forbids: { status: 403, title: 'The policy does not allow this' },
  not_found: { status: 404, title: 'Not found' },
  method_not_allowed: { status: 405, title: 'Method not allowed' },
  conflict: { status: 409, title: 'Conflicts with the present state' },
  idempotency_conflict: { status: 409, title: 'The idempotency key was used for another request' },
  clone_suspected: { status: 409, title: 'Two copies of this device seem to exist' },
  lockout: { status: 409, title: 'Somebody would be locked out' },
  not_viewable: { status: 409, title: 'This file cannot be shown' },
  content_damaged: { status: 409, title: 'The stored content is damaged' },
  gone: { status: 410, title: 'No longer available' },
  precondition_failed: { status: 412, title: 'The request asks for something else than is offered' },
  too_large: { status: 413, title: 'Too large' },
  unsupported_media_type: { status: 415, title: 'Unsupported media type' },
  rate_limited: { status: 429, title: 'Too many requests' },
  internal: { status: 500, title: 'Something went wrong on our side' },
  unavailable: { status: 503, title: 'Temporarily unavailable' },
  log_frozen: { status: 503, title: 'The audit log is frozen' },
} as const

export type ErrorCode = keyof typeof TABLE

export type ErrorOptions = {
  /** May be shown to whoever asked. */
  detail?: string
  /** Path of the field → what is wrong with it. May be shown. */
  fields?: Record<string, string>
  /** Seconds, for `rate_limited`, `unavailable` and `log_frozen`. */
  retryAfter?: number
  /** Members added to the problem document. */
  extra?: Record<string, unknown>
  /** For us only; never leaves the server. */
  cause?: unknown
}

/** An expected failure with two faces: `code`, `detail` and `fields` for them, `cause` for us. A bug is no AppError. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly detail: string
  readonly fields: Record<string, string> | undefined
  readonly retryAfter: number | undefined
  readonly extra: Record<string, unknown> | undefined

  constructor(code: ErrorCode, options: ErrorOptions = {}) {
    const detail = options.detail ?? TABLE[code].title
    super(`${code}: ${detail}`, { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.detail = detail
    this.fields = options.fields
    this.retryAfter = options.retryAfter
    this.extra = options.extra
  }

  get status(): number {
    return TABLE[this.code].status
  }

  get title(): string {
    return TABLE[this.code].title
  }
}

/** Next bundles may hold two copies of this module: compare by name, not by class. */
export function isAppError(error: unknown): error is AppError {
  return error instanceof Error && error.name === 'AppError' && 'code' in error && 'status' in error
}

/** SQLSTATEs and socket errors that mean "the database is away, full or waits too long for a lock", not "the request is wrong". */
const UNAVAILABLE = /^(08...|53...|57014|57P0[123]|58030|ECONNREFUSED|ECONNRESET|EPIPE|ENOENT|ETIMEDOUT)$/

/** What pg and Prisma's adapter say without a code when the connection goes before, in the middle of, or between statements. */
const AWAY =
  /Connection terminated|not currently accepting connections|timeout exceeded when trying to connect|Can't reach database server|Server has closed the connection|Unable to start a transaction|connection error and is not queryable|^ConnectionClosed$|^DatabaseNotReachable$/

/** The log has no part for the month that the clock says: it prepares a year ahead, so the clock is wrong. */
const NO_SUCH_MONTH = /no partition of relation "audit_entry/

/**
 * Turns a lost database, a full disk, a statement that ran out of its time or a clock that is years ahead into `unavailable` (503,
 * Retry-After 5); anything else comes back as it was.
 */
export function asAppError(error: unknown): unknown {
  // Whoever said so knows more of it: what is too wide to search, say.
  if (isAppError(error) && error.code === 'unavailable') return error
  for (let cause: unknown = error, depth = 0; cause && depth < 6; depth++) {
    const code = errorCodeOf(cause)
    if (code && UNAVAILABLE.test(code))
      return new AppError('unavailable', { detail: 'The database does not answer.', retryAfter: 5, cause: error })
    const message = cause instanceof Error ? cause.message : ''
    if (AWAY.test(message))
      return new AppError('unavailable', { detail: 'The database does not answer.', retryAfter: 5, cause: error })
    if (NO_SUCH_MONTH.test(message))
      return new AppError('unavailable', { detail: "The server's clock is wrong.", retryAfter: 5, cause: error })
    cause = cause instanceof Error ? cause.cause : undefined
  }
  return error
}

/** The SQLSTATE inside an error of pg or Prisma, or a socket's code. */
export function errorCodeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { code, meta } = error as {
    code?: unknown
    meta?: { code?: unknown; driverAdapterError?: { cause?: { originalCode?: unknown } } }
  }
  const inner = meta?.driverAdapterError?.cause?.originalCode ?? meta?.code
  if (typeof inner === 'string') return inner
  const original = (error as { cause?: { originalCode?: unknown } }).cause?.originalCode
  if (typeof original === 'string') return original
  return typeof code === 'string' ? code : undefined
}
