'use client'

import { useTranslations } from 'next-intl'
import { OtpInput } from '../ui/otp-input.tsx'
import { CustomField } from './fields.tsx'
import { useFormShell } from './form-shell.tsx'

type Props = {
  name?: string
  label?: string
  hint?: string
  autoFocus?: boolean
  /** For acts that a recent sign-in may do without a code: appears when the server asks for it. */
  onlyWhenAsked?: boolean
}

/** The second factor asked again for this one act. Takes the six digits or a recovery code; the server tells them apart. */
export function StepUpField({ name = 'code', label, hint, autoFocus, onlyWhenAsked = false }: Props) {
  const t = useTranslations('common')
  const { state } = useFormShell()
  const asked = state.status === 'error' && (state.stepUp || state.fields?.[name] !== undefined)
  if (onlyWhenAsked && !asked) return null
  return (
    <CustomField name={name} label={label ?? t('stepUp.label')} hint={hint ?? t('stepUp.hint')}>
      {(control) => <OtpInput name={name} autoFocus={autoFocus} {...control} />}
    </CustomField>
  )
}
