'use client'

import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { TextField, useFieldError } from '#components/form/fields.tsx'
import { FormShell } from '#components/form/form-shell.tsx'
import type { FormState } from '#components/form/form-state.ts'
import { StepUpField } from '#components/form/step-up-field.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { Checkbox } from '#components/ui/check.tsx'
import { CopyButton } from '#components/ui/copy-button.tsx'
import { ButtonRow } from '#components/ui/dialog.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { Code } from '#components/ui/mono.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { create } from '../actions.ts'

export function KeyForm({ scopes }: { scopes: string[] }) {
  const t = useTranslations('keys')
  const [token, setToken] = useState<string>()

  async function send(state: FormState, form: FormData): Promise<FormState> {
    const { token: made, ...answer } = await create(state, form)
    if (made) setToken(made)
    return answer
  }

  if (token) return <NewToken token={token} />
  return (
    <FormShell action={send} label={t('new.title')}>
      <TextField name="name" label={t('field.name')} hint={t('field.nameHint')} autoFocus required />
      <Scopes scopes={scopes} />
      <StepUpField />
      <ButtonRow>
        <ButtonLink href="/api-keys">{t('cancel')}</ButtonLink>
        <SubmitButton>{t('new.submit')}</SubmitButton>
      </ButtonRow>
    </FormShell>
  )
}

function Scopes({ scopes }: { scopes: string[] }) {
  const t = useTranslations('keys')
  const error = useFieldError('scopes')
  return (
    <fieldset className="mb-4" aria-describedby={error ? 'scopes-error' : undefined}>
      <legend className="mb-1 text-ink-2">{t('field.scopes')}</legend>
      <div className="grid gap-x-4 sm:grid-cols-2">
        {scopes.map((scope) => (
          <Checkbox
            key={scope}
            name="scopes"
            value={scope}
            label={<span className="font-mono">{scope}</span>}
            aria-invalid={error ? true : undefined}
          />
        ))}
      </div>
      {error && (
        <p id="scopes-error" className="mt-1 text-danger">
          {error}
        </p>
      )}
    </fieldset>
  )
}

function NewToken({ token }: { token: string }) {
  const t = useTranslations('keys')
  return (
    <div>
      <Notice announce>{t('new.once')}</Notice>
      <div className="my-3">
        <Code>{token}</Code>
      </div>
      <div className="flex gap-2">
        <CopyButton value={token} label={t('new.copy')} />
        <ButtonLink href="/api-keys">{t('new.done')}</ButtonLink>
      </div>
    </div>
  )
}
