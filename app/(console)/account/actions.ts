'use server'

import { getTranslations } from 'next-intl/server'
import type { FormState } from '#components/form/form-state.ts'
import { runAction, withPerson } from '#server/http/action.ts'
import {
  changePassword,
  regenerateRecoveryCodes,
  removeSecondFactor,
  revokeOtherSessions,
  revokeSession,
} from '#server/identity/commands.ts'

/** The recovery codes are in this one answer and nowhere else. */
export type CodesState = FormState & { recoveryCodes?: string[] }

export async function setPassword(_: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('auth')
  return withPerson(async (actor) => {
    const { revoked } = await changePassword(actor, {
      current: String(form.get('current') ?? ''),
      next: String(form.get('next') ?? ''),
    })
    return { message: t('account.passwordDone', { count: revoked }) }
  })
}

export async function newCodes(_: CodesState, form: FormData): Promise<CodesState> {
  const made: { recoveryCodes?: string[] } = {}
  const keep = ({ recoveryCodes }: { recoveryCodes: string[] }) => {
    made.recoveryCodes = recoveryCodes
    return {}
  }
  return { ...(await runAction({ command: regenerateRecoveryCodes, input: {}, form, success: keep })), ...made }
}

export async function removeFactor(_: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('auth')
  return runAction({
    command: removeSecondFactor,
    input: {},
    form,
    success: { redirectTo: '/account', message: t('account.removed') },
  })
}

export async function endSession(id: string, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('auth')
  return runAction({ command: revokeSession, input: { id }, form, success: { message: t('account.sessionEnded') } })
}

export async function endOthers(_: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('auth')
  return runAction({
    command: revokeOtherSessions,
    input: {},
    form,
    success: ({ revoked }) => ({ message: t('account.othersEnded', { count: revoked }) }),
  })
}
