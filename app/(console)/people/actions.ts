'use server'

import { getTranslations } from 'next-intl/server'
import type { FormState } from '#components/form/form-state.ts'
import { runAction } from '#server/http/action.ts'
import { issuePasswordReset, resetSecondFactor, revokePersonSessions } from '#server/identity/commands.ts'
import {
  changeRole,
  type IssuedLink,
  invitePerson,
  inviteStaff,
  renewInvitation,
  resumePerson,
  revokeInvitation,
  suspendPerson,
  updatePerson,
} from '#server/people/commands.ts'

/** The state of a form that makes an invitation: its link is in this one answer and nowhere else. */
export type InviteState = FormState & { link?: { url: string; mailed: boolean; personId?: string } }

export async function invite(_: InviteState, form: FormData): Promise<InviteState> {
  const made: { link?: InviteState['link'] } = {}
  const keep = ({ id, invitation }: { id: string; invitation: IssuedLink }) => {
    made.link = { url: invitation.url, mailed: invitation.mailed, personId: id }
    return {}
  }
  const role = form.get('role') ?? 'member'
  const input = { email: form.get('email'), name: form.get('name'), role }
  const state =
    role === 'member'
      ? await runAction({ command: invitePerson, input, form, success: keep })
      : await runAction({ command: inviteStaff, input, form, success: keep })
  return { ...state, ...made }
}

export async function renew(id: string, _: InviteState, form: FormData): Promise<InviteState> {
  const made: { link?: InviteState['link'] } = {}
  const keep = ({ url, mailed }: IssuedLink) => {
    made.link = { url, mailed }
    return {}
  }
  return { ...(await runAction({ command: renewInvitation, input: { id }, form, success: keep })), ...made }
}

export async function withdraw(id: string, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('people')
  return runAction({ command: revokeInvitation, input: { id }, form, success: { message: t('done.withdrawn') } })
}

export async function rename(id: string, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('people')
  return runAction({
    command: updatePerson,
    input: { id, name: form.get('name') },
    form,
    success: { message: t('done.saved') },
  })
}

export async function setRole(id: string, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('people')
  return runAction({
    command: changeRole,
    input: { id, role: form.get('role') },
    form,
    success: { redirectTo: `/people/${id}`, message: t('done.role') },
  })
}

export async function suspend(id: string, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('people')
  return runAction({ command: suspendPerson, input: { id }, form, success: { message: t('done.suspended') } })
}

export async function resume(id: string, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('people')
  return runAction({ command: resumePerson, input: { id }, form, success: { message: t('done.resumed') } })
}

export async function endSessions(id: string, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('people')
  return runAction({
    command: revokePersonSessions,
    input: { id },
    form,
    success: ({ revoked }) => ({ message: t('done.sessions', { count: revoked }) }),
  })
}

export async function resetFactor(id: string, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('people')
  return runAction({
    command: resetSecondFactor,
    input: { id },
    form,
    success: { redirectTo: `/people/${id}`, message: t('done.factorReset') },
  })
}

export async function resetPassword(id: string, _: InviteState, form: FormData): Promise<InviteState> {
  const made: { link?: InviteState['link'] } = {}
  const keep = ({ url, mailed }: IssuedLink) => {
    made.link = { url, mailed, personId: id }
    return {}
  }
  return { ...(await runAction({ command: issuePasswordReset, input: { id }, form, success: keep })), ...made }
}
