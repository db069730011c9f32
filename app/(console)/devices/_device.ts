import { notFound } from 'next/navigation'
import { getDevice } from '#server/devices/queries.ts'
import type { Actor } from '#server/kernel/actor.ts'
import { isAppError } from '#server/kernel/errors.ts'

/** The device of a page's address; the not-found page for anybody else's, and for an address that is no id. */
export async function deviceOr404(actor: Actor, deviceId: string) {
  return getDevice(actor, { deviceId }).catch((error: unknown) => {
    if (isAppError(error) && (error.code === 'not_found' || error.code === 'invalid')) notFound()
    throw error
  })
}
