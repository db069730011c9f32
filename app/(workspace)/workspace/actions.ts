'use server'

import type { FormState } from '#components/form/form-state.ts'
import { createOwnEnrollmentCode } from '#server/devices/commands.ts'
import { withPerson } from '#server/http/action.ts'

/** The code is in this one answer and is used at once. */
export type OwnCodeState = FormState & { code?: string }

/** A code for a browser of the signed-in person, for the page that asked to enrol with. */
export async function makeOwnCode(): Promise<OwnCodeState> {
  const made: { code?: string } = {}
  const state = await withPerson(async (actor) => {
    const { code } = await createOwnEnrollmentCode(actor, {})
    made.code = code
    return {}
  })
  return { ...state, ...made }
}
