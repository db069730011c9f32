'use client'

import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { FormShell } from '#components/form/form-shell.tsx'
import type { FormState } from '#components/form/form-state.ts'
import { StepUpField } from '#components/form/step-up-field.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { ButtonRow } from '#components/ui/dialog.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { type InviteState, resetPassword } from '../actions.ts'
import { OneTimeLink } from './one-time-link.tsx'

export function ResetPasswordForm({ id }: { id: string }) {
  const t = useTranslations('people')
  const [link, setLink] = useState<InviteState['link']>()

  async function send(state: FormState, form: FormData): Promise<FormState> {
    const { link: made, ...answer } = await resetPassword(id, state, form)
    if (made) setLink(made)
    return answer
  }

  if (link) return <OneTimeLink link={link} lasts="day" />
  return (
    <FormShell action={send} label={t('act.resetPassword')}>
      <StepUpField />
      <ButtonRow>
        <ButtonLink href={`/people/${id}`}>{t('cancel')}</ButtonLink>
        <SubmitButton>{t('act.resetPassword')}</SubmitButton>
      </ButtonRow>
    </FormShell>
  )
}
