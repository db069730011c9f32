export type AgentErrorCode =
  | 'usage'
  | 'not_enrolled'
  | 'already_enrolled'
  | 'erased'
  | 'denied'
  | 'locked'
  | 'revoked'
  | 'pending'
  | 'clone_suspected'
  | 'offline'
  | 'busy'
  | 'refused'
  | 'untrusted'
  | 'storage'

/** What a person is told, in one line; the code decides the exit status. */
export class AgentError extends Error {
  readonly code: AgentErrorCode
  /** The gateway's own code for why, where it gave one: `encrypted` of a file that cannot be shown. */
  readonly reason: string | null

  constructor(code: AgentErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'AgentError'
    this.code = code
    this.reason = options?.cause instanceof GatewayError ? options.cause.reason : null
  }
}

/** No answer came: no network, no such host, an untrusted certificate, silence. */
export class OfflineError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'OfflineError'
  }
}

/** The gateway answered with a problem. */
export class GatewayError extends Error {
  readonly status: number
  readonly code: string
  /** Why, as a code, where there is more to say than `code` does. */
  readonly reason: string | null
  /** From `Retry-After`. */
  readonly retryAfterMs: number | null

  constructor(options: {
    status: number
    code: string
    detail: string
    reason?: string | null
    retryAfterMs?: number | null
  }) {
    super(options.detail || `the gateway answered ${options.status} ${options.code}`)
    this.name = 'GatewayError'
    this.status = options.status
    this.code = options.code
    this.reason = options.reason ?? null
    this.retryAfterMs = options.retryAfterMs ?? null
  }
}

/** Whether trying again later may help although nothing changes here. */
export function isTemporary(error: unknown): boolean {
  if (error instanceof OfflineError) return true
  return error instanceof GatewayError && (error.status >= 500 || [408, 425, 429].includes(error.status))
}

/** Whether the gateway withholds everything but commands from this device. */
export function isRevoked(error: unknown): boolean {
  return error instanceof GatewayError && error.status === 401 && error.code === 'device_revoked'
}

/** A full or broken disk, in Node or in a browser: nothing was recorded, and later it may be. */
export function isStorageFailure(error: unknown): error is Error {
  if (!(error instanceof Error)) return false
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name
  return /^(ENOSPC|EDQUOT|EIO|EROFS|EMFILE|ENFILE|ERR_SQLITE_ERROR|QuotaExceededError)$/.test(code)
}

/** Turns what a gateway call or the disk threw into the line for a person; anything else stays as it is. */
export function toAgentError(error: unknown): unknown {
  if (error instanceof OfflineError) {
    return new AgentError('offline', `The gateway cannot be reached: ${error.message}`, { cause: error })
  }
  if (isStorageFailure(error)) {
    return new AgentError('storage', `This device cannot store anything: ${error.message}`, { cause: error })
  }
  if (!(error instanceof GatewayError)) return error
  if (isRevoked(error)) {
    return new AgentError('revoked', 'Access from this device is blocked by the organisation.', { cause: error })
  }
  if (error.code === 'policy_denied') return new AgentError('denied', error.message, { cause: error })
  if (error.code === 'device_pending') {
    return new AgentError('pending', 'This device waits for the approval of an administrator.', { cause: error })
  }
  if (isTemporary(error)) {
    const wait = error.retryAfterMs === null ? '' : ` Try again in ${Math.ceil(error.retryAfterMs / 1000)} s.`
    return new AgentError('busy', `The gateway is busy (${error.status} ${error.code}).${wait}`, { cause: error })
  }
  return new AgentError('refused', `The gateway refused: ${error.message} (${error.code})`, { cause: error })
}
