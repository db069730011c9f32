'use client'

import { useTranslations } from 'next-intl'
import { CustomField, TextField } from '#components/form/fields.tsx'
import { FormShell } from '#components/form/form-shell.tsx'
import type { FormAction } from '#components/form/form-state.ts'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { Combobox, type ComboboxItem } from '#components/ui/combobox.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import type { HoldKind } from '#server/audit/schema.ts'
import { wallOfBound } from '../_bound.ts'

type Given = { targetId: string; q: string; from: string; to: string }
/** `timeZone`: whose clock the bounds of time are on. */
type Props = { action: FormAction; kind: HoldKind; people: ComboboxItem[]; given: Given; timeZone: string }

export function HoldForm({ action, kind, people, given, timeZone }: Props) {
  const t = useTranslations('keeping.place')
  return (
    <FormShell action={action} label={t('title')} className="mt-4">
      <TextField name="name" label={t('name')} hint={t('nameHint')} />
      <About kind={kind} people={people} given={given} timeZone={timeZone} />
      <TextField name="reason" label={t('reason')} />
      <div className="flex flex-wrap gap-2">
        <SubmitButton>{t('submit')}</SubmitButton>
        <ButtonLink href="/audit/keeping/holds/new">{t('other')}</ButtonLink>
      </div>
    </FormShell>
  )
}

function About({ kind, people, given, timeZone }: Omit<Props, 'action'>) {
  const t = useTranslations('keeping.place')
  switch (kind) {
    case 'person':
      return (
        <CustomField name="targetId" label={t('person')}>
          {(control) => <Combobox items={people} name="targetId" defaultValue={given.targetId} {...control} />}
        </CustomField>
      )
    case 'device':
    case 'file':
      return <TextField name="targetId" label={t(kind)} hint={t(`${kind}Hint`)} defaultValue={given.targetId} mono />
    case 'search':
      return (
        <>
          <TextField name="q" label={t('q')} hint={t('qHint')} defaultValue={given.q} mono />
          {(['from', 'to'] as const).map((name) => (
            <TextField
              key={name}
              name={name}
              type="datetime-local"
              step="1"
              label={t(name)}
              hint={t('timeHint', { zone: timeZone })}
              defaultValue={wallOfBound(given[name], timeZone)}
            />
          ))}
        </>
      )
  }
}
