'use client'

import { useTranslations } from 'next-intl'
import { TextField } from '#components/form/fields.tsx'
import { FormShell } from '#components/form/form-shell.tsx'
import { StepUpField } from '#components/form/step-up-field.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import type { BrakeSettings } from '#server/kernel/brake-settings.ts'
import { saveBrake } from '../actions.ts'

export function BrakeForm({ settings }: { settings: BrakeSettings }) {
  const t = useTranslations('settings')
  const field = (name: keyof BrakeSettings) => (
    <TextField
      name={`settings.brake.${name}`}
      label={t(`brake.${name}.label`)}
      hint={t(`brake.${name}.hint`)}
      defaultValue={settings[name]}
      type="number"
      inputMode="numeric"
    />
  )
  return (
    <FormShell action={saveBrake.bind(null, t('brake.saved'))} label={t('brake.title')}>
      {field('undoSeconds')}
      {field('unitsPerActorPerHour')}
      {field('unitsPerTenantPerHour')}
      <StepUpField />
      <SubmitButton>{t('brake.save')}</SubmitButton>
    </FormShell>
  )
}
