'use client'

import { useTranslations } from 'next-intl'
import { TextField } from '#components/form/fields.tsx'
import { FormShell } from '#components/form/form-shell.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { found } from '../actions.ts'

export function SetupForm({ token }: { token: string }) {
  const t = useTranslations('setup')
  return (
    <FormShell action={found.bind(null, token)} label={t('title')}>
      <TextField name="organisation" label={t('field.organisation')} autoComplete="organization" autoFocus required />
      <TextField name="name" label={t('field.name')} autoComplete="name" required />
      <TextField
        name="email"
        type="email"
        label={t('field.email')}
        hint={t('field.emailHint')}
        autoComplete="username"
        required
      />
      <TextField
        name="password"
        type="password"
        label={t('field.password')}
        hint={t('field.passwordHint')}
        autoComplete="new-password"
        required
      />
      <SubmitButton size="large">{t('submit')}</SubmitButton>
    </FormShell>
  )
}
