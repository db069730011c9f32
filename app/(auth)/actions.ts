'use server'

import { headers } from 'next/headers'
import type { FormState } from '#components/form/form-state.ts'
import { answering, withPerson } from '#server/http/action.ts'
import { clientOf, localPath } from '#server/http/client.ts'
import { writeSessionToken } from '#server/http/cookies.ts'
import { afterSignIn, signInBrowser } from '#server/http/sign-in.ts'
import {
  acceptInvitationWithPassword,
  beginEnrolment,
  confirmEnrolment,
  foundOrganisation,
  passSecondFactor,
  resetPasswordWithLink,
} from '#server/identity/commands.ts'
import { AppError, isAppError } from '#server/kernel/errors.ts'

/** The sign-in form's state: which of several organisations is meant, when the password opens more than one. */
export type SignInState = FormState & { organisations?: { id: string; name: string }[] }

/** The enrolment form's state: the codes are in this one answer and nowhere else. */
export type EnrolState = FormState & { recoveryCodes?: string[] }

function text(form: FormData, name: string): string {
  const value = form.get(name)
  return typeof value === 'string' ? value : ''
}

export async function found(token: string, _: FormState, form: FormData): Promise<FormState> {
  return answering(async () => {
    const { address } = clientOf(await headers())
    const [email, password] = [text(form, 'email'), text(form, 'password')]
    const given = { organisation: text(form, 'organisation'), name: text(form, 'name'), email, password }
    const { tenantId } = await foundOrganisation(given, { by: 'setup', token, address })
    const result = await signInBrowser({ email, password, tenantId, forceEnrolment: true })
    return { redirectTo: result.kind === 'signed_in' ? afterSignIn({ sessionState: result.state }, '/') : '/sign-in' }
  })
}

export async function signIn(next: string, _: SignInState, form: FormData): Promise<SignInState> {
  const asked: { organisations?: { id: string; name: string }[] } = {}
  const state = await answering(async () => {
    const tenantId = text(form, 'tenantId')
    const result = await signInBrowser({
      email: text(form, 'email'),
      password: text(form, 'password'),
      ...(tenantId ? { tenantId } : {}),
    })
    if (result.kind === 'choose') {
      asked.organisations = result.organisations
      throw new AppError('invalid', { fields: { tenantId: 'must be one of them' } })
    }
    return { redirectTo: afterSignIn({ sessionState: result.state }, localPath(next)) }
  })
  return { ...state, ...asked }
}

export async function passFactor(next: string, _: FormState, form: FormData): Promise<FormState> {
  return withPerson(async (actor) => {
    const { token } = await passSecondFactor(actor, { code: text(form, 'code') })
    await writeSessionToken(token)
    return { redirectTo: localPath(next) ?? '/' }
  })
}

export async function begin(_: FormState, _form: FormData): Promise<FormState> {
  return withPerson(async (actor) => signingInAgain(() => beginEnrolment(actor, {})))
}

const SIGN_IN_AGAIN = '/sign-in?again=1&next=%2Fsign-in%2Fenrol'

/** Sets a factor up, or leads to the password first where that was given too long ago. */
async function signingInAgain(work: () => Promise<unknown>): Promise<{ redirectTo?: string }> {
  try {
    await work()
    return {}
  } catch (error) {
    if (isAppError(error) && error.extra?.stepUp === 'sign_in') return { redirectTo: SIGN_IN_AGAIN }
    throw error
  }
}

export async function enrol(_: EnrolState, form: FormData): Promise<EnrolState> {
  const made: { recoveryCodes?: string[] } = {}
  const state = await withPerson(async (actor) =>
    signingInAgain(async () => {
      const { token, recoveryCodes } = await confirmEnrolment(actor, { code: text(form, 'code') })
      await writeSessionToken(token)
      made.recoveryCodes = recoveryCodes
    }),
  )
  return { ...state, ...made }
}

export async function accept(token: string, _: FormState, form: FormData): Promise<FormState> {
  return answering(async () => {
    const client = clientOf(await headers())
    const password = text(form, 'password')
    const { tenantId, email } = await acceptInvitationWithPassword({ token, password }, client)
    const result = await signInBrowser({ email, password, tenantId })
    return { redirectTo: result.kind === 'signed_in' ? afterSignIn({ sessionState: result.state }, '/') : '/sign-in' }
  })
}

export async function reset(token: string, _: FormState, form: FormData): Promise<FormState> {
  return answering(async () => {
    const client = clientOf(await headers())
    const password = text(form, 'password')
    const { tenantId, email } = await resetPasswordWithLink({ token, password }, client)
    const result = await signInBrowser({ email, password, tenantId })
    return { redirectTo: result.kind === 'signed_in' ? afterSignIn({ sessionState: result.state }, '/') : '/sign-in' }
  })
}
