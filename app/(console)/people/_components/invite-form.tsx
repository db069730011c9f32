'use client'

import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { SelectField, TextField } from '#components/form/fields.tsx'
import { FormShell } from '#components/form/form-shell.tsx'
import type { FormState } from '#components/form/form-state.ts'
import { StepUpField } from '#components/form/step-up-field.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { ButtonRow } from '#components/ui/dialog.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import type { Role } from '#server/people/schema.ts'
import { type InviteState, invite } from '../actions.ts'
import { OneTimeLink } from './one-time-link.tsx'

/** `roles`: what the person who asks may give. Whoever gets rights in the console is confirmed by a second factor. */
export function InviteForm({ roles }: { roles: Role[] }) {
  const t = useTranslations('people')
  const [role, setRole] = useState('member')
  const [link, setLink] = useState<InviteState['link']>()

  async function send(state: FormState, form: FormData): Promise<FormState> {
    const { link: made, ...answer } = await invite(state, form)
    if (made) setLink(made)
    return answer
  }

  if (link) return <OneTimeLink link={link} lasts="week" />
  return (
    <FormShell action={send} label={t('new.title')}>
      <TextField name="name" label={t('field.name')} autoComplete="off" autoFocus required />
      <TextField name="email" type="email" label={t('field.email')} autoComplete="off" required />
      <SelectField
        name="role"
        label={t('field.role')}
        hint={t(`roleHint.${roles.find((known) => known === role) ?? 'member'}`)}
        options={roles.map((value) => ({ value, label: t(`role.${value}`) }))}
        value={role}
        onChange={(event) => setRole(event.currentTarget.value)}
      />
      {role !== 'member' && <StepUpField />}
      <ButtonRow>
        <ButtonLink href="/people">{t('cancel')}</ButtonLink>
        <SubmitButton>{t('new.submit')}</SubmitButton>
      </ButtonRow>
    </FormShell>
  )
}
