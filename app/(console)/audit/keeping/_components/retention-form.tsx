'use client'

import { useTranslations } from 'next-intl'
import { TextField } from '#components/form/fields.tsx'
import { FormShell } from '#components/form/form-shell.tsx'
import type { FormAction } from '#components/form/form-state.ts'
import { StepUpField } from '#components/form/step-up-field.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { ButtonLink } from '#components/ui/link.tsx'

export function RetentionForm({ action, isShorter }: { action: FormAction; isShorter: boolean }) {
  const t = useTranslations('keeping')
  return (
    <FormShell action={action} label={t('retention.title')} className="mt-4">
      <TextField name="reason" label={t('retention.reason')} />
      {isShorter && (
        <>
          <TextField name="confirm" label={t('retention.confirm', { word: t('retention.word') })} />
          <StepUpField />
        </>
      )}
      <div className="flex flex-wrap gap-2">
        <SubmitButton variant={isShorter ? 'danger' : 'primary'}>
          {t(isShorter ? 'retention.submitShorter' : 'retention.submitLonger')}
        </SubmitButton>
        <ButtonLink href="/audit/keeping/retention">{t('retention.back')}</ButtonLink>
      </div>
    </FormShell>
  )
}
