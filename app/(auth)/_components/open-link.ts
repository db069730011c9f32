import { isAppError } from '#server/kernel/errors.ts'
import { type OpenLink, readLink } from '#server/people/queries.ts'

/** What a one-time link opens; null when it was used, replaced or is too old. */
export async function openLink(token: string, purpose: OpenLink['purpose']): Promise<OpenLink | null> {
  return readLink(token, purpose).catch((error: unknown) => {
    if (isAppError(error) && error.code === 'gone') return null
    throw error
  })
}
