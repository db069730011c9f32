import { getLocale, getTranslations } from 'next-intl/server'
import type { FormState } from '#components/form/form-state.ts'
import { type AppError, isAppError } from '#server/kernel/errors.ts'
import { fieldMessage } from './field-message.ts'
import { newRequestId, toAppError } from './problem.ts'

type Failed = Extract<FormState, { status: 'error' }>

/** What a form answers when its action failed, in the reader's language. A bug is logged and carries its request id. */
export async function formError(error: unknown): Promise<Failed> {
  const requestId = newRequestId()
  const failure = toAppError(error, requestId)
  const message = await messageOf(failure, requestId)
  return { status: 'error', message, ...(failure.fields ? { fields: await fieldsOf(failure.fields) } : {}) }
}

async function messageOf(failure: AppError, requestId: string): Promise<string> {
  const t = await getTranslations('errors')
  if (failure.code === 'internal') return t('code.internal', { requestId })
  if (failure.code === 'invalid' && failure.fields) return t('code.invalid')
  if (failure.code === 'rate_limited') return t('code.rate_limited', { seconds: failure.retryAfter ?? 60 })
  // The details are written in English; other languages have the code's own sentence.
  if ((await getLocale()) === 'en') return failure.detail
  return t(`code.${failure.code}`)
}

async function fieldsOf(fields: Record<string, string>): Promise<Record<string, string>> {
  const [t, locale] = await Promise.all([getTranslations('errors'), getLocale()])
  const translated: Record<string, string> = {}
  for (const [path, problem] of Object.entries(fields)) {
    const found = fieldMessage(problem)
    // What is wrong with a search is written in English, with more than a message of ours could say.
    const known = found === 'query' && locale === 'en' ? null : found
    const count = Number(/\d+/.exec(problem)?.[0] ?? 0)
    // A list's member (`scopes.0`) is shown at the list.
    translated[path.split('.')[0] ?? path] ??= known ? t(`field.${known}`, { count }) : problem
  }
  return translated
}

/** The form again, asking for the second factor. */
export async function stepUpState(): Promise<Failed> {
  const t = await getTranslations('errors')
  const code = t('stepUp.field')
  return { status: 'error', message: t('stepUp.message'), fields: { code, factorCode: code }, stepUp: true }
}

export function isStepUp(error: unknown): boolean {
  return isAppError(error) && error.code === 'step_up_required'
}
