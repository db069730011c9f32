'use client'

import { useTranslations } from 'next-intl'
import { SelectField, TextField } from '#components/form/fields.tsx'
import { FormShell, useFormShell } from '#components/form/form-shell.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { type SignInState, signIn } from '../actions.ts'

export function SignInForm({ next }: { next: string }) {
  const t = useTranslations('auth')
  return (
    <FormShell action={signIn.bind(null, next)} label={t('signIn.title')}>
      <TextField name="email" type="email" label={t('field.email')} autoComplete="username" autoFocus required />
      <TextField name="password" type="password" label={t('field.password')} autoComplete="current-password" required />
      <OrganisationChoice />
      <SubmitButton size="large">{t('signIn.submit')}</SubmitButton>
    </FormShell>
  )
}

/** Asked only when the same address and password open several organisations. */
function OrganisationChoice() {
  const t = useTranslations('auth')
  const { state } = useFormShell()
  const { organisations } = state as SignInState
  if (!organisations) return null
  const options = organisations.map(({ id, name }) => ({ value: id, label: name }))
  return (
    <SelectField
      name="tenantId"
      label={t('field.organisation')}
      options={options}
      placeholder={t('signIn.choose')}
      required
    />
  )
}
