'use client'

import { useTranslations } from 'next-intl'
import { SelectField, TextField } from '#components/form/fields.tsx'
import { FormShell } from '#components/form/form-shell.tsx'
import type { FormAction } from '#components/form/form-state.ts'
import { StepUpField } from '#components/form/step-up-field.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { DELETE_REASONS } from '#server/content/schema.ts'

type Props = { action: FormAction; name: string; backHref: string }

export function DeleteForm({ action, name, backHref }: Props) {
  const t = useTranslations('files')
  return (
    <FormShell action={action} label={t('delete.title', { name })} className="mt-4">
      <SelectField
        name="reason"
        label={t('delete.reason')}
        options={DELETE_REASONS.map((value) => ({ value, label: t(`reason.${value}`) }))}
      />
      <TextField name="confirmName" label={t('delete.confirm')} hint={name} />
      <StepUpField />
      <div className="flex flex-wrap gap-2">
        <SubmitButton variant="danger">{t('delete.submit')}</SubmitButton>
        <ButtonLink href={backHref}>{t('delete.back')}</ButtonLink>
      </div>
    </FormShell>
  )
}
