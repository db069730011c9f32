'use client'

import { useTranslations } from 'next-intl'
import { TextField } from '#components/form/fields.tsx'
import { FormShell } from '#components/form/form-shell.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { accept } from '../actions.ts'

export function AcceptForm({ token, email }: { token: string; email: string }) {
  const t = useTranslations('auth')
  return (
    <FormShell action={accept.bind(null, token)} label={t('invite.submit')}>
      <TextField name="email" type="email" label={t('field.email')} autoComplete="username" value={email} readOnly />
      <TextField
        name="password"
        type="password"
        label={t('field.newPassword')}
        hint={t('field.passwordHint')}
        autoComplete="new-password"
        autoFocus
        required
      />
      <SubmitButton size="large">{t('invite.submit')}</SubmitButton>
    </FormShell>
  )
}
