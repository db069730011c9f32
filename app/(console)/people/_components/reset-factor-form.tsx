'use client'

import { useTranslations } from 'next-intl'
import { FormShell } from '#components/form/form-shell.tsx'
import { StepUpField } from '#components/form/step-up-field.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { ButtonRow } from '#components/ui/dialog.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { resetFactor } from '../actions.ts'

export function ResetFactorForm({ id }: { id: string }) {
  const t = useTranslations('people')
  return (
    <FormShell action={resetFactor.bind(null, id)} label={t('act.resetFactor')}>
      <StepUpField />
      <ButtonRow>
        <ButtonLink href={`/people/${id}`}>{t('cancel')}</ButtonLink>
        <SubmitButton variant="danger">{t('act.resetFactor')}</SubmitButton>
      </ButtonRow>
    </FormShell>
  )
}
