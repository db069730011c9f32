'use client'

import { ChevronDown } from 'lucide-react'
import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { controlClass } from './input.tsx'
import { useListbox } from './use-listbox.ts'

export type ComboboxItem = { value: string; label: string; hint?: string }

type Props = {
  items: ComboboxItem[]
  /** Posts the chosen item's `value` under this name; empty until one is chosen. */
  name: string
  defaultValue?: string
  placeholder?: string
  id?: string
  required?: boolean | undefined
  'aria-describedby'?: string | undefined
  'aria-invalid'?: true | undefined
  'aria-label'?: string
  onValueChange?: (value: string | null) => void
}

const MOST_SHOWN = 50

/** One of many, found by typing. For a handful use `Select`. */
export function Combobox({ items, name, defaultValue, placeholder, onValueChange, ...input }: Props) {
  const t = useTranslations('common')
  const [chosen, setChosen] = useState(items.find((item) => item.value === defaultValue) ?? null)
  const [text, setText] = useState(chosen?.label ?? '')
  const [open, setOpen] = useState(false)
  const found = matching(items, text === chosen?.label ? '' : text)
  const list = useListbox({
    count: found.length,
    open,
    onOpenChange: setOpen,
    onChoose: (index) => choose(found[index] ?? null),
  })

  function choose(item: ComboboxItem | null) {
    setChosen(item)
    onValueChange?.(item?.value ?? null)
    if (!item) return
    setText(item.label)
    setOpen(false)
  }

  function type(next: string) {
    setText(next)
    setOpen(true)
    list.resetMark()
    if (next !== chosen?.label) choose(null)
  }

  return (
    <span className="relative block">
      <input type="hidden" name={name} value={chosen?.value ?? ''} />
      <input
        {...input}
        type="text"
        placeholder={placeholder}
        value={text}
        onChange={(event) => type(event.currentTarget.value)}
        onClick={() => setOpen(true)}
        className={`${controlClass} pr-8`}
        {...list.inputProps}
      />
      <ChevronDown
        aria-hidden
        className="pointer-events-none absolute top-1/2 right-2 size-4 -translate-y-1/2 text-ink-3"
      />
      <span
        className={`absolute inset-x-0 top-full z-30 mt-1 max-h-72 overflow-y-auto rounded-card border border-line bg-surface py-1 shadow-pop ${open ? 'block' : 'hidden'}`}
      >
        <span role="status" className="block px-2.5 text-ink-2">
          {found.length === 0 && t('combobox.none')}
        </span>
        {found.length > 0 && (
          <ul {...list.listProps} aria-label={input['aria-label'] ?? t('combobox.choices')}>
            {found.map((item, index) => (
              <li
                key={item.value}
                {...list.optionProps(index)}
                className="cursor-pointer px-2.5 py-1.5 aria-selected:bg-accent-soft max-md:min-h-11"
              >
                {item.label}
                {item.hint && <span className="text-ink-2"> · {item.hint}</span>}
              </li>
            ))}
          </ul>
        )}
      </span>
    </span>
  )
}

function matching(items: ComboboxItem[], text: string): ComboboxItem[] {
  const wanted = text.trim().toLowerCase()
  return items.filter((item) => `${item.label} ${item.hint ?? ''}`.toLowerCase().includes(wanted)).slice(0, MOST_SHOWN)
}
