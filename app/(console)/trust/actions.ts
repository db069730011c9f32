'use server'

import type { FormState } from '#components/form/form-state.ts'
import { addRecipient, addWitness, removeAnchor, requestVerification, startEpoch } from '#server/audit/commands.ts'
import { runAction, withPerson } from '#server/http/action.ts'

export async function verifyNow(): Promise<FormState> {
  return withPerson(async (actor) => {
    await requestVerification(actor, {})
    return {}
  })
}

export async function addWitnessAction(done: string, _: FormState, form: FormData): Promise<FormState> {
  const input = { url: form.get('url'), vkey: form.get('vkey') }
  return runAction({ command: addWitness, input, form, success: { message: done } })
}

export async function addRecipientAction(done: string, _: FormState, form: FormData): Promise<FormState> {
  return runAction({ command: addRecipient, input: { email: form.get('email') }, form, success: { message: done } })
}

export async function removeAnchorAction(id: string, done: string, _: FormState, form: FormData): Promise<FormState> {
  return runAction({ command: removeAnchor, input: { anchorId: id }, form, success: { message: done } })
}

export async function startEpochAction(done: string, _: FormState, form: FormData): Promise<FormState> {
  const input = { reason: form.get('reason') }
  return runAction({ command: startEpoch, input, form, success: { redirectTo: '/trust', message: done } })
}
