'use client'

import { useTranslations } from 'next-intl'
import { FormShell } from '#components/form/form-shell.tsx'
import { StepUpField } from '#components/form/step-up-field.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { rotateKey } from '../actions.ts'

/** Begins a rotation of the organisation's data key. */
export function RotateForm() {
  const t = useTranslations('settings.keys')
  return (
    <FormShell action={rotateKey.bind(null, t('started'))} label={t('rotate')} resetOnOk>
      <StepUpField onlyWhenAsked autoFocus />
      <SubmitButton>{t('rotate')}</SubmitButton>
    </FormShell>
  )
}
