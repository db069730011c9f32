'use client'

import { useTranslations } from 'next-intl'
import { Field } from '#components/ui/field.tsx'
import { Input } from '#components/ui/input.tsx'
import { KEEPING_CLASSES, MIN_RETENTION_DAYS, type RetentionRules, SUGGESTED_DAYS } from '#server/audit/schema.ts'

/** A field a class: days, or nothing for ever. */
export function PeriodFields({ rules }: { rules: RetentionRules }) {
  const t = useTranslations('keeping')
  return KEEPING_CLASSES.map((name) => (
    <Field
      key={name}
      label={t('retention.days', { name: t(`class.${name}`) })}
      hint={t('retention.hint', { text: t(`classText.${name}`), days: t('days', { count: SUGGESTED_DAYS[name] }) })}
    >
      {(control) => (
        <Input
          name={name}
          type="number"
          inputMode="numeric"
          min={MIN_RETENTION_DAYS}
          placeholder={t('forever')}
          defaultValue={rules[name] ?? ''}
          {...control}
        />
      )}
    </Field>
  ))
}
