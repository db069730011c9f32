'use client'

import { useTranslations } from 'next-intl'
import { TextField } from '#components/form/fields.tsx'
import { FormShell } from '#components/form/form-shell.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { accept, reset } from '../actions.ts'

type Props = { token: string; email: string; purpose: 'invitation' | 'reset' }

/** Chooses the password that a one-time link lets somebody choose. */
export function AcceptForm({ token, email, purpose }: Props) {
  const t = useTranslations('auth')
  const action = purpose === 'reset' ? reset : accept
  const label = t(purpose === 'reset' ? 'reset.submit' : 'invite.submit')
  return (
    <FormShell action={action.bind(null, token)} label={label}>
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
      <SubmitButton size="large">{label}</SubmitButton>
    </FormShell>
  )
}
