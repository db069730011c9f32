'use server'

import { getTranslations } from 'next-intl/server'
import type { FormState } from '#components/form/form-state.ts'
import { cancelOwnWipe } from '#server/approvals/commands.ts'
import { blockOwnDevice, requestWipe } from '#server/devices/commands.ts'
import { runAction } from '#server/http/action.ts'

export async function blockMine(deviceId: string, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('workspace')
  return runAction({ command: blockOwnDevice, input: { deviceId }, form, success: { message: t('lost.blocked') } })
}

export async function eraseMine(deviceId: string, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('workspace')
  return runAction({
    command: requestWipe.own,
    input: { deviceId, scope: 'organisation-data', reason: form.get('reason') },
    form,
    success: ({ state }) => ({
      redirectTo: '/lost',
      message: t(state === 'held' ? 'lost.erase.held' : 'lost.erase.asked'),
    }),
  })
}

export async function undoErase(requestId: string, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('workspace')
  return runAction({ command: cancelOwnWipe, input: { requestId }, form, success: { message: t('lost.undone') } })
}
