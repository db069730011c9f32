'use client'

import { useTranslations } from 'next-intl'
import { FormShell } from '#components/form/form-shell.tsx'
import { StepUpField } from '#components/form/step-up-field.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { removeFactor } from '../actions.ts'

export function RemoveFactorForm() {
  const t = useTranslations('auth')
  return (
    <FormShell action={removeFactor} label={t('account.remove')}>
      <StepUpField autoFocus />
      <SubmitButton variant="danger">{t('account.remove')}</SubmitButton>
    </FormShell>
  )
}
