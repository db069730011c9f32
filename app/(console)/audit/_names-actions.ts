'use server'

import { getTranslations } from 'next-intl/server'
import type { FormState } from '#components/form/form-state.ts'
import { hideNames, unmaskNames } from '#server/audit/commands.ts'
import { runAction } from '#server/http/action.ts'

export async function revealNames(code: string | null, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('names')
  const input = { reason: form.get('reason'), ...(code !== null && { personId: code }) }
  return runAction({ command: unmaskNames, input, form, success: { message: t('shownToast') } })
}

export async function concealNames(_: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('names')
  return runAction({ command: hideNames, input: {}, form, success: { message: t('hiddenToast') } })
}
