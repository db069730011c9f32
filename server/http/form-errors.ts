import { getLocale, getTranslations } from 'next-intl/server'
import type { FormState } from '#components/form/form-state.ts'
import { type AppError, isAppError } from '#server/kernel/errors.ts'
import { newRequestId, toAppError } from './problem.ts'

/** What a field's problem says → its message, `errors.field.<key>`. A number in it becomes `{count}`. */
const FIELD_MESSAGES: readonly [RegExp, FieldKey][] = [
  [/^is required$/, 'required'],
  [/^Invalid input/, 'required'],
  [/^needs at least (\d+) characters$/, 'tooShort'],
  [/^may have at most (\d+) characters$/, 'tooLong'],
  [/^needs at least one$/, 'choose'],
  [/^must be one of /, 'choose'],
  [/^is not an email address$/, 'email'],
  [/^is not an id$/, 'unknown'],
  [/^is not a code$/, 'code'],
  [/^is wrong or was used already$/, 'codeUsed'],
  [/^is taken$/, 'taken'],
  [/^is not right$/, 'wrong'],
  [/^holds a /, 'characters'],
  [/^must not be the address/, 'obvious'],
  [/^repeats too few/, 'repetitive'],
  [/more than you/, 'outranks'],
  [/^is not there$/, 'unknown'],
  [/^must be later than from$/, 'later'],
  [/^column (\d+): found /, 'query'],
  [/^is not a time like/, 'time'],
  [/^is not the verifier key of a witness/, 'witnessKey'],
  [/^is not an https:\/\/ address/, 'outsideAddress'],
]

type FieldKey =
  | 'required'
  | 'tooShort'
  | 'tooLong'
  | 'choose'
  | 'email'
  | 'unknown'
  | 'code'
  | 'codeUsed'
  | 'taken'
  | 'wrong'
  | 'characters'
  | 'obvious'
  | 'repetitive'
  | 'outranks'
  | 'later'
  | 'query'
  | 'time'
  | 'witnessKey'
  | 'outsideAddress'

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
    const found = FIELD_MESSAGES.find(([pattern]) => pattern.test(problem))
    // What is wrong with a search is written in English, with more than a message of ours could say.
    const known = found?.[1] === 'query' && locale === 'en' ? undefined : found
    const count = Number(/\d+/.exec(problem)?.[0] ?? 0)
    // A list's member (`scopes.0`) is shown at the list.
    translated[path.split('.')[0] ?? path] ??= known ? t(`field.${known[1]}`, { count }) : problem
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
