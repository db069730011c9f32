'use client'

import { useTranslations } from 'next-intl'
import { SelectField } from '#components/form/fields.tsx'
import { FormShell } from '#components/form/form-shell.tsx'
import { StepUpField } from '#components/form/step-up-field.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { type DeviceView, WIPE_REASONS } from '#server/devices/schema.ts'
import { eraseMine } from '../actions.ts'

export function EraseMineForm({ deviceId, reach }: { deviceId: string; reach: DeviceView['reach'] }) {
  const t = useTranslations('workspace')
  const wipe = useTranslations('wipe')
  return (
    <FormShell action={eraseMine.bind(null, deviceId)} label={t('lost.erase.title')}>
      <p className="mb-4">
        {t('lost.erase.what')} {t(`lost.reach.${reach}`)}
      </p>
      <SelectField
        name="reason"
        label={wipe('field.reason')}
        defaultValue="lost"
        options={WIPE_REASONS.map((value) => ({ value, label: wipe(`reason.${value}`) }))}
      />
      <StepUpField />
      <SubmitButton variant="danger" size="large">
        {t('lost.erase.submit')}
      </SubmitButton>
      <ButtonLink href="/lost" size="large" className="mt-2">
        {t('lost.erase.back')}
      </ButtonLink>
    </FormShell>
  )
}
