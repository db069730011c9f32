'use server'

import { getTranslations } from 'next-intl/server'
import type { FormState } from '#components/form/form-state.ts'
import { createAuditView, deleteAuditView, updateAuditView } from '#server/audit/commands.ts'
import type { SavedSearch } from '#server/audit/schema.ts'
import { runAction } from '#server/http/action.ts'

const shared = (form: FormData) => form.get('shared') === 'on'

export async function saveView(search: SavedSearch, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('audit')
  const { timeZone, ...rest } = search
  const keeps = form.get('keepZone') === 'on' && timeZone
  const input = { name: form.get('name'), isShared: shared(form), search: { ...rest, ...(keeps && { timeZone }) } }
  return runAction({ command: createAuditView, input, form, success: { message: t('views.saved') } })
}

export async function changeView(viewId: string, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('audit')
  const input = { viewId, name: form.get('name'), isShared: shared(form) }
  return runAction({ command: updateAuditView, input, form, success: { message: t('views.changed') } })
}

export async function removeView(viewId: string, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('audit')
  return runAction({ command: deleteAuditView, input: { viewId }, form, success: { message: t('views.removed') } })
}
