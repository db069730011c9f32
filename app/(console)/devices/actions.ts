'use server'

import { getTranslations } from 'next-intl/server'
import type { FormState } from '#components/form/form-state.ts'
import {
  approveDevice,
  blockDevice,
  createEnrollmentCode,
  requestWipe,
  retireDevice,
  revokeEnrollmentCode,
  unblockDevice,
  updateDevice,
} from '#server/devices/commands.ts'
import { runAction } from '#server/http/action.ts'

export async function block(deviceId: string, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('devices')
  return runAction({
    command: blockDevice,
    input: { deviceId, reason: t('act.blockReason') },
    form,
    success: { message: t('done.blocked') },
  })
}

export async function unblock(deviceId: string, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('devices')
  return runAction({ command: unblockDevice, input: { deviceId }, form, success: { message: t('done.unblocked') } })
}

export async function approve(deviceId: string, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('devices')
  return runAction({ command: approveDevice, input: { deviceId }, form, success: { message: t('done.approved') } })
}

export async function retire(deviceId: string, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('devices')
  return runAction({ command: retireDevice, input: { deviceId }, form, success: { message: t('done.retired') } })
}

export async function saveDevice(deviceId: string, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('devices')
  const input = { deviceId, name: form.get('name'), ownership: form.get('ownership') }
  return runAction({ command: updateDevice, input, form, success: { message: t('done.saved') } })
}

export async function erase(deviceId: string, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('wipe')
  const input = { deviceId, scope: form.get('scope'), reason: form.get('reason') }
  return runAction({
    command: requestWipe,
    input,
    form,
    success: ({ id, state }) => ({ redirectTo: `/wipes/${id}`, message: t(`asked.${state}`) }),
  })
}

/** The state of the form that makes a code: the code is in this one answer and nowhere else. */
export type CodeState = FormState & { made?: { id: string; code: string; expiresAt: string; person: string } }

export async function makeCode(_: CodeState, form: FormData): Promise<CodeState> {
  const answer: { made?: CodeState['made'] } = {}
  const input = { personId: form.get('personId'), expiresInSeconds: Number(form.get('expiresInSeconds')) }
  const state = await runAction({
    command: createEnrollmentCode,
    input,
    form,
    success: ({ id, code, expiresAt, person }) => {
      answer.made = { id, code, expiresAt, person: person.name }
      return {}
    },
  })
  return { ...state, ...answer }
}

export async function revokeCode(codeId: string, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('devices')
  return runAction({
    command: revokeEnrollmentCode,
    input: { codeId },
    form,
    success: { message: t('done.codeRevoked') },
  })
}
