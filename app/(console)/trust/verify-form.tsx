'use client'

import { useTranslations } from 'next-intl'
import { FormShell } from '#components/form/form-shell.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { verifyNow } from './actions.ts'

/** Asks the worker to rebuild the log. */
export function VerifyForm() {
  const t = useTranslations('audit.trust')
  return (
    <FormShell action={verifyNow} label={t('verifyTitle')}>
      <SubmitButton>{t('verify')}</SubmitButton>
    </FormShell>
  )
}
