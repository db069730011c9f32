'use server'

import { getTranslations } from 'next-intl/server'
import type { FormState } from '#components/form/form-state.ts'
import { qrImage } from '#components/ui/qr-image.ts'
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
import type { EnrollmentCodeView } from '#server/devices/schema.ts'
import { runAction } from '#server/http/action.ts'
import { readEnv } from '#server/kernel/env.ts'

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

/** `link`: opens the workspace in a browser, which enrols itself with the code; `qrCode` is the link as an image. */
type MadeCode = { id: string; code: string; expiresAt: string; person: string; link: string; qrCode: string }

/** The state of the form that makes a code: the code is in this one answer and nowhere else. */
export type CodeState = FormState & { made?: MadeCode }

export async function makeCode(_: CodeState, form: FormData): Promise<CodeState> {
  let code: EnrollmentCodeView | undefined
  const input = { personId: form.get('personId'), expiresInSeconds: Number(form.get('expiresInSeconds')) }
  const state = await runAction({
    command: createEnrollmentCode,
    input,
    form,
    success: (made) => {
      code = made
      return {}
    },
  })
  return code ? { ...state, made: await withLink(code) } : state
}

/** The code stands behind the #, which a browser sends to no server and no log. */
async function withLink({ id, code, expiresAt, person }: EnrollmentCodeView): Promise<MadeCode> {
  const link = `${readEnv().url}/workspace/enrol#code=${code}`
  return { id, code, expiresAt, person: person.name, link, qrCode: await qrImage(link) }
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
