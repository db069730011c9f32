import { notFound } from 'next/navigation'
import type { Actor } from '#server/kernel/actor.ts'
import { isAppError } from '#server/kernel/errors.ts'
import { getPerson } from '#server/people/queries.ts'

/** The person of a page's address; the not-found page for anybody else's, and for an address that is no id. */
export async function personOr404(actor: Actor, id: string) {
  return getPerson(actor, { id }).catch((error: unknown) => {
    if (isAppError(error) && (error.code === 'not_found' || error.code === 'invalid')) notFound()
    throw error
  })
}
