'use client'

import { useTranslations } from 'next-intl'
import { TextField } from '#components/form/fields.tsx'
import { FormShell } from '#components/form/form-shell.tsx'
import type { FormAction } from '#components/form/form-state.ts'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { MIN_ARCHIVE_DAYS, SUGGESTED_ARCHIVE_DAYS } from '#server/audit/schema.ts'

export function ArchiveForm({ action, days }: { action: FormAction; days: number | null }) {
  const t = useTranslations('keeping.archive')
  return (
    <FormShell action={action} label={t('formTitle')} className="mt-4">
      <TextField
        name="days"
        label={t('field')}
        hint={t('hint', { min: MIN_ARCHIVE_DAYS, suggested: SUGGESTED_ARCHIVE_DAYS })}
        required={false}
        type="number"
        inputMode="numeric"
        min={MIN_ARCHIVE_DAYS}
        placeholder={t('neverShort')}
        defaultValue={days ?? ''}
      />
      <div className="flex flex-wrap gap-2">
        <SubmitButton>{t('save')}</SubmitButton>
        <ButtonLink href="/audit/keeping">{t('back')}</ButtonLink>
      </div>
    </FormShell>
  )
}
