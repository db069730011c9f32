'use client'

import { X } from 'lucide-react'
import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { useFieldError } from '#components/form/fields.tsx'
import { Radio } from '#components/ui/check.tsx'
import { Combobox, type ComboboxItem } from '#components/ui/combobox.tsx'
import { Field } from '#components/ui/field.tsx'
import { Input } from '#components/ui/input.tsx'

type Props = {
  /** Who can be picked; whoever is not among them is given by address. */
  people: ComboboxItem[]
  everyone: boolean
  chosen?: ComboboxItem[]
}

/** Everyone, or people: posts `audience` once for everyone and once for each person. */
export function AudienceFields({ people, everyone, chosen = [] }: Props) {
  const t = useTranslations('files.new')
  const error = useFieldError('audience')
  const [scope, setScope] = useState(everyone ? 'everyone' : 'people')
  return (
    <fieldset className="mb-4 min-w-0" aria-describedby={error ? 'audience-error' : undefined}>
      <legend className="mb-1 text-ink-2">{t('audience')}</legend>
      <Radio
        name={scope === 'everyone' ? 'audience' : 'scope'}
        value="everyone"
        checked={scope === 'everyone'}
        onChange={() => setScope('everyone')}
        label={t('everyone')}
      />
      <Radio
        name="scope"
        value="people"
        checked={scope === 'people'}
        onChange={() => setScope('people')}
        label={t('people')}
        aria-invalid={error ? true : undefined}
      />
      {error && (
        <p id="audience-error" className="text-danger">
          {error}
        </p>
      )}
      {scope === 'people' && <People people={people} initial={chosen} />}
    </fieldset>
  )
}

function People({ people, initial }: { people: ComboboxItem[]; initial: ComboboxItem[] }) {
  const t = useTranslations('files.new')
  const [chosen, setChosen] = useState(initial)
  const left = people.filter((item) => !chosen.some(({ value }) => value === item.value))
  const add = (value: string | null) => {
    const item = left.find((one) => one.value === value)
    if (item) setChosen([...chosen, item])
  }
  return (
    <div className="mt-2 pl-6">
      <ul className="mb-2 flex flex-wrap gap-1.5">
        {chosen.map((item) => (
          <li
            key={item.value}
            className="inline-flex min-h-6 items-center gap-1 rounded border border-line bg-accent-soft px-1.5"
          >
            <input type="hidden" name="audience" value={item.value} />
            {item.label}
            <button
              type="button"
              aria-label={t('remove', { name: item.label })}
              onClick={() => setChosen(chosen.filter(({ value }) => value !== item.value))}
              className="p-0.5"
            >
              <X aria-hidden className="size-3" />
            </button>
          </li>
        ))}
      </ul>
      <Field label={t('pick')}>
        {/* A fresh field after each person. */}
        {(control) => <Combobox key={chosen.length} name="picked" items={left} onValueChange={add} {...control} />}
      </Field>
      <Field label={t('addresses')} required={false}>
        {(control) => <Input name="audience" {...control} />}
      </Field>
    </div>
  )
}
