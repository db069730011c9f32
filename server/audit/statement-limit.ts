import 'server-only'
import type { Sql } from '#server/kernel/db.ts'
import { AppError, errorCodeOf } from '#server/kernel/errors.ts'

/** One statement of a search, at most. */
export const STATEMENT_MS = 8_000

/** Each statement inside may take `limitMs`: one that runs into it is no bug, the question is too wide. */
export async function inTime<T>(sql: Sql, limitMs: number, run: () => Promise<T>): Promise<T> {
  try {
    const [, result] = await Promise.all([
      sql(`SELECT set_config('statement_timeout', $1::text, true)`, [String(limitMs)]),
      run(),
    ])
    return result
  } catch (error) {
    if (errorCodeOf(error) !== '57014') throw error
    throw new AppError('unavailable', {
      detail: 'This search takes too long. Narrow its time or add a term.',
      retryAfter: 5,
      cause: error,
    })
  }
}
