'use client'

import { useTranslations } from 'next-intl'
import { TextField } from '#components/form/fields.tsx'
import { FormShell } from '#components/form/form-shell.tsx'
import type { FormAction } from '#components/form/form-state.ts'
import { StepUpField } from '#components/form/step-up-field.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { ButtonLink } from '#components/ui/link.tsx'

type Props = { action: FormAction; hidden: Record<string, string>; submit: string; backHref: string }

/** The last step before a policy is put in force: a note and a fresh second factor, bound to what stands above. */
export function DecideForm({ action, hidden, submit, backHref }: Props) {
  const t = useTranslations('policies.review')
  return (
    <FormShell action={action} label={submit} className="mt-4">
      {Object.entries(hidden).map(([name, value]) => (
        <input key={name} type="hidden" name={name} value={value} />
      ))}
      <TextField name="note" label={t('note')} hint={t('noteHint')} required={false} maxLength={200} />
      <StepUpField />
      <div className="flex flex-wrap gap-2">
        <SubmitButton>{submit}</SubmitButton>
        <ButtonLink href={backHref}>{t('back')}</ButtonLink>
      </div>
    </FormShell>
  )
}
