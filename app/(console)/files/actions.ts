'use server'

import { getTranslations } from 'next-intl/server'
import type { FormState } from '#components/form/form-state.ts'
import { decisions } from '#server/approvals/commands.ts'
import { deleteFile, updateFileAudience } from '#server/content/commands.ts'
import { runAction } from '#server/http/action.ts'

export async function removeFile(file: { id: string; name: string }, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('files.delete')
  if (String(form.get('confirmName') ?? '').trim() !== file.name) {
    return { status: 'error', message: t('confirmWrong'), fields: { confirmName: t('confirmWrong') } }
  }
  return runAction({
    command: deleteFile,
    input: { fileId: file.id, reason: form.get('reason') },
    form,
    success: ({ state }) => ({ redirectTo: `/files/${file.id}`, message: t(`requested.${requestedKey(state)}`) }),
  })
}

function requestedKey(state: string): 'held' | 'awaiting_approval' | 'delayed' {
  return state === 'held' || state === 'awaiting_approval' ? state : 'delayed'
}

export async function keepFile(requestId: string, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('files.deletion')
  return runAction({
    command: decisions['file.delete'].cancel,
    input: { requestId },
    form,
    success: { message: t('cancelled') },
  })
}

export async function setAudience(fileId: string, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('files.editAudience')
  const given = form
    .getAll('audience')
    .flatMap((value) => String(value).split(/[,，、]/))
    .map((one) => one.trim())
    .filter((one) => one !== '')
  const audience = given.length === 1 && given[0] === 'everyone' ? ('everyone' as const) : given
  return runAction({
    command: updateFileAudience,
    input: { fileId, audience },
    form,
    success: { redirectTo: `/files/${fileId}`, message: t('done') },
  })
}
