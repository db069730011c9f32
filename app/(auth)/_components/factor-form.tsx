'use client'

import { useTranslations } from 'next-intl'
import { FormShell } from '#components/form/form-shell.tsx'
import { StepUpField } from '#components/form/step-up-field.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { passFactor } from '../actions.ts'

export function FactorForm({ next }: { next: string }) {
  const t = useTranslations('auth')
  return (
    <FormShell action={passFactor.bind(null, next)} label={t('factor.form')}>
      <StepUpField autoFocus />
      <SubmitButton size="large">{t('factor.submit')}</SubmitButton>
    </FormShell>
  )
}
