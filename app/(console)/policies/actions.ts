'use server'

import { getTranslations } from 'next-intl/server'
import type { FormState } from '#components/form/form-state.ts'
import { runAction } from '#server/http/action.ts'
import { discardDraft, publishPolicy, rollbackPolicy, saveDraft } from '#server/policies/commands.ts'
import { readPolicyForm } from './_form.ts'

const LIST = '/policies'

const textOf = (form: FormData, name: string) => String(form.get(name) ?? '')

export async function savePolicyDraft(_state: FormState, form: FormData): Promise<FormState> {
  const read = await readPolicyForm(form)
  if (read.answer) return read.answer
  const t = await getTranslations('policies.draft')
  const seen = textOf(form, 'draftSeenAt')
  const input = {
    policyId: textOf(form, 'policyId'),
    document: read.document,
    base: Number(textOf(form, 'base')),
    draftSeenAt: seen === '' ? null : seen,
  }
  return runAction({ command: saveDraft, input, form, success: { redirectTo: LIST, message: t('saved') } })
}

export async function discardPolicyDraft(_state: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('policies.draft')
  const input = { policyId: textOf(form, 'policyId') }
  return runAction({ command: discardDraft, input, form, success: { redirectTo: LIST, message: t('discarded') } })
}

export async function publishPolicyDraft(_state: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('policies.review')
  const input = { policyId: textOf(form, 'policyId'), note: textOf(form, 'note'), digest: textOf(form, 'digest') }
  const success = ({ version }: { version: number }) => ({ redirectTo: LIST, message: t('published', { version }) })
  return runAction({ command: publishPolicy, input, form, success })
}

export async function restorePolicyVersion(_state: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('policies.restorePage')
  const version = Number(textOf(form, 'version'))
  const input = { policyId: textOf(form, 'policyId'), version, note: textOf(form, 'note') }
  return runAction({
    command: rollbackPolicy,
    input,
    form,
    success: { redirectTo: LIST, message: t('done', { version }) },
  })
}
