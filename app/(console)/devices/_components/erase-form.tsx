'use client'

import { useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import { SelectField } from '#components/form/fields.tsx'
import { FormShell } from '#components/form/form-shell.tsx'
import { StepUpField } from '#components/form/step-up-field.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { Segmented } from '#components/ui/segmented.tsx'
import { WIPE_REASONS } from '#server/devices/schema.ts'
import { erase } from '../actions.ts'

type Props = {
  deviceId: string
  canEraseDevice: boolean
  isBlocked: boolean /** How much of the budget is used. */
  children: ReactNode
}

/** The last question before an erase: what, why, and the second factor for exactly this. */
export function EraseForm({ deviceId, canEraseDevice, isBlocked, children }: Props) {
  const t = useTranslations('wipe')
  return (
    <FormShell action={erase.bind(null, deviceId)} label={t('ask.title')} className="mt-4">
      <Segmented
        name="scope"
        label={t('ask.scope')}
        showLabel
        defaultValue="organisation-data"
        options={[
          { value: 'organisation-data', label: t('scope.organisation-data') },
          { value: 'device', label: t('scope.device'), disabled: !canEraseDevice },
        ]}
        className={canEraseDevice ? 'mb-4' : 'mb-1'}
      />
      {!canEraseDevice && <p className="mb-4 text-ink-2">{t('ask.cannotEraseDevice')}</p>}
      <SelectField
        name="reason"
        label={t('field.reason')}
        defaultValue="lost"
        options={WIPE_REASONS.map((value) => ({ value, label: t(`reason.${value}`) }))}
      />
      <StepUpField />
      {children}
      <SubmitButton variant="danger" size="large" className="w-full">
        {t('ask.submit')}
      </SubmitButton>
      <ButtonLink href={`/devices/${deviceId}`} size="large" className="mt-2 w-full">
        {t(isBlocked ? 'ask.leaveBlocked' : 'ask.back')}
      </ButtonLink>
    </FormShell>
  )
}
