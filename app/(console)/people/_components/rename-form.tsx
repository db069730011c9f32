'use client'

import { useTranslations } from 'next-intl'
import { TextField } from '#components/form/fields.tsx'
import { FormShell } from '#components/form/form-shell.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { rename } from '../actions.ts'

export function RenameForm({ id, name, refusal }: { id: string; name: string; refusal: string | null }) {
  const t = useTranslations('people')
  return (
    <FormShell action={rename.bind(null, id)} label={t('act.rename')}>
      <TextField name="name" label={t('field.name')} defaultValue={name} readOnly={refusal !== null} required />
      <SubmitButton variant="default" disabledReason={refusal}>
        {t('act.rename')}
      </SubmitButton>
    </FormShell>
  )
}
