'use client'

import { useTranslations } from 'next-intl'
import { TextField } from '#components/form/fields.tsx'
import { FormShell } from '#components/form/form-shell.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { setPassword } from '../actions.ts'

export function PasswordForm() {
  const t = useTranslations('auth')
  return (
    <FormShell action={setPassword} label={t('account.password')} resetOnOk>
      <TextField name="current" type="password" label={t('account.current')} autoComplete="current-password" required />
      <TextField
        name="next"
        type="password"
        label={t('account.next')}
        hint={t('field.passwordHint')}
        autoComplete="new-password"
        required
      />
      <SubmitButton>{t('account.change')}</SubmitButton>
    </FormShell>
  )
}
