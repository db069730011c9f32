import type { ViewerFailure } from '../protocol.ts'

/** A file that cannot be shown, and why. */
export class ViewerError extends Error {
  readonly reason: ViewerFailure

  constructor(reason: ViewerFailure, options?: ErrorOptions) {
    super(reason, options)
    this.name = 'ViewerError'
    this.reason = reason
  }
}

export function reasonOf(error: unknown): ViewerFailure {
  return error instanceof ViewerError ? error.reason : 'malformed'
}
