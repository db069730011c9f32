'use client'

import { useTranslations } from 'next-intl'
import { FormShell } from '#components/form/form-shell.tsx'
import { StepUpField } from '#components/form/step-up-field.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { askReason as turnOn, waiveReason } from '../actions.ts'

/** Turning it on is one press; turning it off loosens a protection and is confirmed. */
export function PrivacyForm({ askReason }: { askReason: boolean }) {
  const t = useTranslations('settings.privacy')
  if (!askReason) {
    return (
      <FormShell action={turnOn.bind(null, t('turnedOn'))} label={t('title')}>
        <SubmitButton>{t('turnOn')}</SubmitButton>
      </FormShell>
    )
  }
  return (
    <FormShell action={waiveReason.bind(null, t('turnedOff'))} label={t('title')}>
      <p className="mb-2 text-ink-2">{t('loosens')}</p>
      <StepUpField />
      <SubmitButton variant="default">{t('turnOff')}</SubmitButton>
    </FormShell>
  )
}
