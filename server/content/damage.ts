import 'server-only'
import { AppError } from '#server/kernel/errors.ts'
import { isIntegrityError } from './chunks.ts'

/**
 * Runs what reads stored content and answers damage like an expected failure: whoever asked cannot help it, and it is no bug.
 * @throws AppError content_damaged
 */
export async function answeringDamage<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (!isIntegrityError(cause)) throw cause
    const detail = 'What the server holds of this file is damaged. The organisation has been told.'
    throw new AppError('content_damaged', { detail, cause })
  }
}
