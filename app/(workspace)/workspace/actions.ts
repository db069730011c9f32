'use server'

import type { FormState } from '#components/form/form-state.ts'
import { createOwnEnrollmentCode } from '#server/devices/commands.ts'
import { withPerson } from '#server/http/action.ts'
import { writeSessionToken } from '#server/http/cookies.ts'
import { isStepUp } from '#server/http/form-errors.ts'
import { confirmFactor } from '#server/identity/commands.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { isAppError } from '#server/kernel/errors.ts'

/** The code is in this one answer and is used at once. `prove`: what has to be given again before there is one. */
export type OwnCodeState = FormState & { code?: string; prove?: 'factor' | 'sign_in' }

/** A code for a browser of the signed-in person, for the page that asked to enrol with. */
export async function makeOwnCode(factorCode?: string): Promise<OwnCodeState> {
  const made: Pick<OwnCodeState, 'code' | 'prove'> = {}
  const state = await withPerson(async (signedIn) => {
    try {
      const { code } = await createOwnEnrollmentCode(await confirmed(signedIn, factorCode), {})
      made.code = code
    } catch (error) {
      if (isStepUp(error)) made.prove = isAppError(error) && error.extra?.stepUp === 'sign_in' ? 'sign_in' : 'factor'
      throw error
    }
    return {}
  })
  return { ...state, ...made }
}

async function confirmed(actor: PersonActor, code: unknown): Promise<PersonActor> {
  if (typeof code !== 'string' || code.trim() === '') return actor
  const { actor: proven, token } = await confirmFactor(actor, { code })
  await writeSessionToken(token)
  return proven
}
