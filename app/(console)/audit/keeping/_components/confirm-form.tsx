'use client'

import { useTranslations } from 'next-intl'
import { TextField } from '#components/form/fields.tsx'
import { FormShell } from '#components/form/form-shell.tsx'
import type { FormAction } from '#components/form/form-state.ts'
import { StepUpField } from '#components/form/step-up-field.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { ButtonLink } from '#components/ui/link.tsx'

type Props = { of: 'release' | 'erase'; action: FormAction; name: string; backHref: string }

/** What cannot be taken back once it is carried out: a reason, the name typed, the second factor for this very request. */
export function ConfirmForm({ of, action, name, backHref }: Props) {
  const t = useTranslations('keeping')
  return (
    <FormShell action={action} label={t(`${of}.title`, { name })} className="mt-4">
      <TextField name="reason" label={t(`${of}.reason`)} />
      <TextField name="confirm" label={t(`${of}.confirm`)} hint={name} />
      <StepUpField />
      <div className="flex flex-wrap gap-2">
        <SubmitButton variant="danger">{t(`${of}.submit`)}</SubmitButton>
        <ButtonLink href={backHref}>{t(`${of}.back`)}</ButtonLink>
      </div>
    </FormShell>
  )
}
