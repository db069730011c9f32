'use client'

import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { Button } from '#components/ui/button.tsx'
import { Field } from '#components/ui/field.tsx'
import { Input, Select } from '#components/ui/input.tsx'
import { QUERY_FIELDS, type QueryField } from '#protocol/audit/query.ts'
import type { AuditParams } from '../search-params.ts'
import { HiddenState } from './hidden-state.tsx'
import { useQueryWords } from './use-query-words.ts'
import { ValuePicker } from './value-picker.tsx'

/** Fields whose values are few and fixed. */
const CHOSEN: ReadonlySet<string> = new Set(['action', 'outcome', 'enforcement'])
/** Fields whose values the server finds by what they are called. */
const FOUND: ReadonlySet<string> = new Set(['actor', 'device', 'target', 'label', 'policy', 'source'])

/** Fields that are asked for words in them, not for what they are. */
const OF_WORDS: ReadonlySet<string> = new Set(['reason', 'text'])

/** One condition by form: it writes the same text as the query line. */
export function Builder({ params }: { params: AuditParams }) {
  const t = useTranslations('audit')
  const words = useQueryWords()
  const [field, setField] = useState<QueryField | 'text'>('actor')
  const names = [...QUERY_FIELDS, 'text' as const]
  const [is, isNot] = OF_WORDS.has(field) ? (['contains', 'containsNot'] as const) : (['is', 'isNot'] as const)
  return (
    <details className="open:basis-full">
      <summary className="block w-fit cursor-pointer py-0.5 text-accent max-sm:py-2.5 sm:ml-auto">
        {t('builder.open')}
      </summary>
      <form action="/audit/ask" aria-label={t('builder.title')} className="mt-1.5 flex flex-wrap items-end gap-2">
        <HiddenState params={params} />
        <Field label={t('builder.field')} className="mb-0! max-sm:basis-full">
          {(control) => (
            <Select
              {...control}
              name="field"
              options={names.map((value) => ({ value, label: words.fieldName(value) }))}
              value={field}
              onChange={(event) => setField(event.currentTarget.value as QueryField | 'text')}
            />
          )}
        </Field>
        <Select
          aria-label={`${t(`builder.${is}`)} / ${t(`builder.${isNot}`)}`}
          name="is"
          options={[
            { value: 'is', label: t(`builder.${is}`) },
            { value: 'not', label: t(`builder.${isNot}`) },
          ]}
        />
        <Field label={t('builder.value')} className="mb-0! min-w-56 flex-1">
          {(control) =>
            field !== 'text' && CHOSEN.has(field) ? (
              <Select {...control} name="value" required options={optionsOf(words.values[field])} />
            ) : field !== 'text' && FOUND.has(field) ? (
              <ValuePicker key={field} id={control.id} name="value" field={field} fixed={words.values[field] ?? []} />
            ) : (
              <Input
                {...control}
                name="value"
                required
                // Spaces alone would add nothing and say nothing.
                pattern=".*\S.*"
                maxLength={200}
                placeholder={field === 'ip' ? t('builder.addressHint') : undefined}
              />
            )
          }
        </Field>
        <Button type="submit">{t('builder.add')}</Button>
      </form>
    </details>
  )
}

function optionsOf(choices: readonly { value: string; name?: string }[] = []) {
  return choices.map(({ value, name }) => ({ value, label: name && name !== value ? `${name} · ${value}` : value }))
}
