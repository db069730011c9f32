'use client'

import { useRouter } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { CustomField, TextField } from '#components/form/fields.tsx'
import { FormShell } from '#components/form/form-shell.tsx'
import type { FormState } from '#components/form/form-state.ts'
import { SubmitButton } from '#components/form/submit-button.tsx'
import type { ComboboxItem } from '#components/ui/combobox.tsx'
import { Input } from '#components/ui/input.tsx'
import { AudienceFields } from './audience-fields.tsx'

type Answer = FormState & { id?: string }

/** A file goes to a route, not to an action: an action's body is small and read whole before anybody is asked who sends it. */
export function UploadForm({ people }: { people: ComboboxItem[] }) {
  const t = useTranslations('files.new')
  const router = useRouter()
  const send = async (_: FormState, form: FormData): Promise<FormState> => {
    // What only this page needs.
    for (const name of ['scope', 'picked']) form.delete(name)
    try {
      const response = await fetch('/files/upload', { method: 'POST', body: form })
      const answer = (await response.json()) as Answer
      if (answer.id) router.push(`/files/${answer.id}`)
      return answer
    } catch {
      return { status: 'error', message: t('failed') }
    }
  }
  return (
    <FormShell action={send} label={t('title')}>
      <CustomField name="file" label={t('file')}>
        {(control) => <Input type="file" name="file" {...control} />}
      </CustomField>
      <TextField name="labels" label={t('labels')} hint={t('labelsHint')} required={false} />
      <AudienceFields people={people} everyone={false} />
      <SubmitButton>{t('submit')}</SubmitButton>
    </FormShell>
  )
}
