'use client'

import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { CustomField, SelectField } from '#components/form/fields.tsx'
import { FormShell } from '#components/form/form-shell.tsx'
import type { FormState } from '#components/form/form-state.ts'
import { StepUpField } from '#components/form/step-up-field.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { Combobox, type ComboboxItem } from '#components/ui/combobox.tsx'
import { type CodeState, makeCode } from '../actions.ts'
import { CodeShown, type Ways } from './code-shown.tsx'

const LIFETIMES = [
  { seconds: 900, key: 'quarter' },
  { seconds: 3_600, key: 'hour' },
  { seconds: 86_400, key: 'day' },
  { seconds: 604_800, key: 'week' },
] as const

type Props = { people: ComboboxItem[]; personId?: string | undefined; ways: Ways }

/** Makes a code for one person and shows it this once. */
export function CodeForm({ people, personId, ways }: Props) {
  const t = useTranslations('devices')
  const [made, setMade] = useState<CodeState['made']>()

  async function send(state: FormState, form: FormData): Promise<FormState> {
    const { made: shown, ...answer } = await makeCode(state, form)
    if (shown) setMade(shown)
    return answer
  }

  if (made) return <CodeShown made={made} ways={ways} onAnother={() => setMade(undefined)} />
  return (
    <FormShell action={send} label={t('enrol.title')}>
      <CustomField name="personId" label={t('enrol.person')}>
        {(control) => (
          <Combobox
            name="personId"
            items={people}
            {...(personId ? { defaultValue: personId } : {})}
            placeholder={t('enrol.personHint')}
            {...control}
          />
        )}
      </CustomField>
      <SelectField
        name="expiresInSeconds"
        label={t('enrol.lifetime')}
        defaultValue="3600"
        options={LIFETIMES.map(({ seconds, key }) => ({ value: String(seconds), label: t(`lifetime.${key}`) }))}
      />
      <StepUpField onlyWhenAsked />
      <SubmitButton>{t('enrol.make')}</SubmitButton>
    </FormShell>
  )
}
