'use server'

import { getTranslations } from 'next-intl/server'
import type { FormState } from '#components/form/form-state.ts'
import { cancelExport, requestExport } from '#server/exports/commands.ts'
import { runAction } from '#server/http/action.ts'
import type { ExportAsk } from './_components/export-button.tsx'

/** Asks for an export of the search that is open, and shows the list where it grows. */
export async function request(ask: ExportAsk, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('exports')
  return runAction({
    command: requestExport,
    input: { ...ask, format: form.get('format') },
    form,
    success: { redirectTo: '/audit/exports', message: t('asked') },
  })
}

export async function cancel(exportId: string, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('exports')
  return runAction({ command: cancelExport, input: { exportId }, form, success: { message: t('cancelled') } })
}
