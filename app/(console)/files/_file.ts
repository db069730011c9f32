import { notFound } from 'next/navigation'
import { getFile } from '#server/content/queries.ts'
import type { Actor } from '#server/kernel/actor.ts'
import { isAppError } from '#server/kernel/errors.ts'

/** The file of a page's address; the not-found page for anybody else's, and for an address that is no id. */
export async function fileOr404(actor: Actor, fileId: string) {
  return getFile(actor, { fileId }).catch((error: unknown) => {
    if (isAppError(error) && (error.code === 'not_found' || error.code === 'invalid')) notFound()
    throw error
  })
}
