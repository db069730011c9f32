'use server'

import { getTranslations } from 'next-intl/server'
import type { FormState } from '#components/form/form-state.ts'
import { runAction } from '#server/http/action.ts'
import { createApiKey, revokeApiKey } from '#server/identity/commands.ts'

/** The token is in this one answer and nowhere else. */
export type KeyState = FormState & { token?: string }

export async function create(_: KeyState, form: FormData): Promise<KeyState> {
  const made: { token?: string } = {}
  const keep = ({ token }: { token: string }) => {
    made.token = token
    return {}
  }
  const input = { name: form.get('name'), scopes: form.getAll('scopes') }
  return { ...(await runAction({ command: createApiKey, input, form, success: keep })), ...made }
}

export async function revoke(id: string, _: FormState, form: FormData): Promise<FormState> {
  const t = await getTranslations('keys')
  return runAction({ command: revokeApiKey, input: { id }, form, success: { message: t('revoked') } })
}
