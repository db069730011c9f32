'use server'

import { getTranslations } from 'next-intl/server'
import type { FormState } from '#components/form/form-state.ts'
import { deleteMapping, saveMapping } from '#server/audit/commands.ts'
import { runAction } from '#server/http/action.ts'

/** Saves the mapping that the form holds as JSON, under the name in it. */
export async function save(text: string): Promise<FormState> {
  const t = await getTranslations('imports')
  const document = parse(text)
  if (document === undefined) return { status: 'error', message: t('mapping.notJson') }
  return runAction({
    command: saveMapping,
    input: { document },
    form: new FormData(),
    success: ({ name }) => ({ message: t('mapping.saved', { name }) }),
  })
}

export async function remove(name: string, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('imports')
  return runAction({
    command: deleteMapping,
    input: { name },
    form,
    success: { redirectTo: '/audit/import', message: t('mapping.removed', { name }) },
  })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
