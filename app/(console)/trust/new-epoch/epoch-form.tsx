'use client'

import { useTranslations } from 'next-intl'
import { TextAreaField } from '#components/form/fields.tsx'
import { FormShell } from '#components/form/form-shell.tsx'
import { StepUpField } from '#components/form/step-up-field.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { ButtonRow } from '#components/ui/dialog.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { startEpochAction } from '../actions.ts'

export function EpochForm() {
  const t = useTranslations('trust.newEpoch')
  return (
    <FormShell action={startEpochAction.bind(null, t('done'))} label={t('title')}>
      <TextAreaField name="reason" label={t('reason')} hint={t('reasonHint')} rows={3} required />
      <StepUpField />
      <ButtonRow>
        <ButtonLink href="/trust">{t('back')}</ButtonLink>
        <SubmitButton variant="danger">{t('submit')}</SubmitButton>
      </ButtonRow>
    </FormShell>
  )
}
