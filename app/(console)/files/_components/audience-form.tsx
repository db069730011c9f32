'use client'

import { useTranslations } from 'next-intl'
import { FormShell } from '#components/form/form-shell.tsx'
import type { FormAction } from '#components/form/form-state.ts'
import { SubmitButton } from '#components/form/submit-button.tsx'
import type { ComboboxItem } from '#components/ui/combobox.tsx'
import { AudienceFields } from './audience-fields.tsx'

type Props = { action: FormAction; people: ComboboxItem[]; everyone: boolean; chosen: ComboboxItem[] }

export function AudienceForm({ action, ...audience }: Props) {
  const t = useTranslations('files.editAudience')
  return (
    <FormShell action={action}>
      <AudienceFields {...audience} />
      <SubmitButton>{t('submit')}</SubmitButton>
    </FormShell>
  )
}
