import { getTranslations } from 'next-intl/server'
import type { FormState } from '#components/form/form-state.ts'
import { MAX_FILE_BYTES } from '#server/content/schema.ts'
import { formError } from '#server/http/form-errors.ts'
import { isAppError } from '#server/kernel/errors.ts'

const FIELDS = ['file', 'name', 'mediaType', 'labels', 'audience'] as const

/** What a form about files answers: each wrong field in the reader's language. */
export async function fileFormError(error: unknown): Promise<FormState> {
  if (!isAppError(error) || (error.code !== 'invalid' && error.code !== 'too_large')) return formError(error)
  const t = await getTranslations('files.invalid')
  const limit = MAX_FILE_BYTES / 1024 ** 2
  const wrong = new Set(Object.keys(error.fields ?? {}).map(fieldOf))
  const fields = Object.fromEntries(FIELDS.filter((name) => wrong.has(name)).map((name) => [name, t(name, { limit })]))
  const missing = error.extra?.missing
  if (Array.isArray(missing)) fields.audience = t('audienceWho', { who: missing.slice(0, 5).join(', ') })
  return { status: 'error', message: t('form'), fields }
}

function fieldOf(path: string): string {
  const name = path.split('.')[0] ?? path
  return name === 'content' || name === 'body' ? 'file' : name
}
