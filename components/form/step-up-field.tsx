'use client'

import { useTranslations } from 'next-intl'
import { OtpInput } from '../ui/otp-input.tsx'
import { CustomField } from './fields.tsx'

type Props = { name?: string; label?: string; hint?: string; autoFocus?: boolean }

/** The second factor asked again for this one act. Takes the six digits or a recovery code; the server tells them apart. */
export function StepUpField({ name = 'code', label, hint, autoFocus }: Props) {
  const t = useTranslations('common')
  return (
    <CustomField name={name} label={label ?? t('stepUp.label')} hint={hint ?? t('stepUp.hint')}>
      {(control) => <OtpInput name={name} autoFocus={autoFocus} {...control} />}
    </CustomField>
  )
}
