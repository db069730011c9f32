'use server'

import type { FormState } from '#components/form/form-state.ts'
import { verifyLogNow } from '#server/audit/commands.ts'
import type { Verification } from '#server/audit/schema.ts'
import { withPerson } from '#server/http/action.ts'

export type VerifyState = FormState & { verification?: Verification }

export async function verifyNow(_state: VerifyState): Promise<VerifyState> {
  const made: { verification?: Verification } = {}
  const state = await withPerson(async (actor) => {
    made.verification = await verifyLogNow(actor)
    return {}
  })
  return { ...state, ...made }
}
