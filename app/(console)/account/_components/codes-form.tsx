'use client'

import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { FormShell } from '#components/form/form-shell.tsx'
import type { FormState } from '#components/form/form-state.ts'
import { StepUpField } from '#components/form/step-up-field.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { RecoveryCodes } from '../../../(auth)/_components/recovery-codes.tsx'
import { newCodes } from '../actions.ts'

export function CodesForm() {
  const t = useTranslations('auth')
  const [codes, setCodes] = useState<string[]>()

  async function send(state: FormState, form: FormData): Promise<FormState> {
    const { recoveryCodes, ...answer } = await newCodes(state, form)
    if (recoveryCodes) setCodes(recoveryCodes)
    return answer
  }

  if (codes) {
    return (
      <RecoveryCodes codes={codes}>
        <ButtonLink href="/account" variant="primary">
          {t('codes.saved')}
        </ButtonLink>
      </RecoveryCodes>
    )
  }
  return (
    <FormShell action={send} label={t('account.newCodes')}>
      <StepUpField autoFocus />
      <SubmitButton>{t('account.newCodes')}</SubmitButton>
    </FormShell>
  )
}
