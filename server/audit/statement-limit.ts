import 'server-only'
import { AppError, errorCodeOf } from '#server/kernel/errors.ts'

/** One statement of a search, at most. */
export const STATEMENT_MS = 8_000

/** A statement inside that runs into its limit (see `boundsOf`) is no bug: the question is too wide. */
export async function inTime<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (errorCodeOf(error) !== '57014') throw error
    throw new AppError('unavailable', {
      detail: 'This search takes too long. Narrow its time or add a term.',
      retryAfter: 5,
      cause: error,
    })
  }
}
