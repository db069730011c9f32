'use client'

import { useTranslations } from 'next-intl'
import { FormShell } from '#components/form/form-shell.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { cancelAll } from '../actions.ts'

/** The kill switch. One press, no question: stopping is the safe direction. */
export function CancelAll() {
  const t = useTranslations('wipe')
  return (
    <FormShell action={cancelAll} label={t('act.cancelAll')}>
      <SubmitButton variant="danger">{t('act.cancelAll')}</SubmitButton>
    </FormShell>
  )
}
