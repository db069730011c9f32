'use client'

import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { FormShell } from '#components/form/form-shell.tsx'
import type { FormState } from '#components/form/form-state.ts'
import { StepUpField } from '#components/form/step-up-field.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { type InviteState, renew } from '../actions.ts'
import { OneTimeLink } from './one-time-link.tsx'

export function RenewForm({ id, refusal }: { id: string; refusal: string | null }) {
  const t = useTranslations('people')
  const [link, setLink] = useState<InviteState['link']>()

  async function send(state: FormState, form: FormData): Promise<FormState> {
    const { link: made, ...answer } = await renew(id, state, form)
    if (made) setLink(made)
    return answer
  }

  if (link) return <OneTimeLink link={link} lasts="week" />
  return (
    <FormShell action={send} label={t('act.renew')}>
      <StepUpField onlyWhenAsked />
      <SubmitButton variant="default" disabledReason={refusal}>
        {t('act.renew')}
      </SubmitButton>
    </FormShell>
  )
}
