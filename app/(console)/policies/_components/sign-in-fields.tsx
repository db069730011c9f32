'use client'

import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { SelectField, TextField } from '#components/form/fields.tsx'
import type { PolicyDocument } from '#protocol/policy/document.ts'
import { useWas } from './setting-text.ts'

type SecondFactor = PolicyDocument['signIn']['secondFactor']

export function SignInFields({ secondFactor, inForce }: { secondFactor: SecondFactor; inForce: SecondFactor }) {
  const t = useTranslations('policies')
  const was = useWas()
  const [mode, setMode] = useState<string>(secondFactor.mode)
  return (
    <div className="mt-3 grid gap-x-4 sm:grid-cols-3">
      <SelectField
        name="signIn.secondFactor.mode"
        label={t('field.signIn.secondFactor.mode')}
        hint={was('signIn.secondFactor.mode', secondFactor.mode, inForce.mode)}
        value={mode}
        onChange={(event) => setMode(event.currentTarget.value)}
        options={(['off', 'from', 'now'] as const).map((value) => ({ value, label: t(`value.${value}`) }))}
      />
      {mode === 'from' && (
        <TextField
          name="signIn.secondFactor.from"
          type="date"
          label={t('field.signIn.secondFactor.from')}
          hint={was('signIn.secondFactor.from', secondFactor.from, inForce.from) ?? t('hint.from')}
          defaultValue={secondFactor.from?.slice(0, 10) ?? ''}
        />
      )}
      {mode !== 'off' && (
        <TextField
          name="signIn.secondFactor.graceDays"
          label={t('field.signIn.secondFactor.graceDays')}
          hint={was('signIn.secondFactor.graceDays', secondFactor.graceDays, inForce.graceDays) ?? t('hint.graceDays')}
          inputMode="numeric"
          defaultValue={secondFactor.graceDays}
        />
      )}
    </div>
  )
}
