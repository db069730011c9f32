'use server'

import type { FormState } from '#components/form/form-state.ts'
import { runAction } from '#server/http/action.ts'
import {
  askReasonForNames,
  rotateTenantKey,
  updateTenantSettings,
  waiveReasonForNames,
} from '#server/tenants/commands.ts'

const number = (form: FormData, name: string) => Number(form.get(`settings.brake.${name}`))

export async function saveBrake(done: string, _: FormState, form: FormData): Promise<FormState> {
  const brake = {
    undoSeconds: number(form, 'undoSeconds'),
    unitsPerActorPerHour: number(form, 'unitsPerActorPerHour'),
    unitsPerTenantPerHour: number(form, 'unitsPerTenantPerHour'),
  }
  return runAction({ command: updateTenantSettings, input: { settings: { brake } }, form, success: { message: done } })
}

export async function rotateKey(started: string, _: FormState, form: FormData): Promise<FormState> {
  return runAction({ command: rotateTenantKey, input: {}, form, success: { message: started } })
}

export async function askReason(done: string, _: FormState, form: FormData): Promise<FormState> {
  return runAction({ command: askReasonForNames, input: {}, form, success: { message: done } })
}

export async function waiveReason(done: string, _: FormState, form: FormData): Promise<FormState> {
  return runAction({ command: waiveReasonForNames, input: {}, form, success: { message: done } })
}
