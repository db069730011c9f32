'use client'

import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { controlClass } from '#components/ui/input.tsx'
import { useListbox } from '#components/ui/use-listbox.ts'
import type { QueryField } from '#protocol/audit/query.ts'
import type { Choice } from '../_completion.ts'
import { useFoundValues } from './use-found-values.ts'

type Props = { id: string; name: string; field: QueryField; fixed: readonly Choice[] }

const MOST_SHOWN = 12

/** A value by what it is called; posts the value that was chosen, else what was typed. */
export function ValuePicker({ id, name, field, fixed }: Props) {
  const t = useTranslations('audit')
  const [text, setText] = useState('')
  const [chosen, setChosen] = useState<string | null>(null)
  const [open, setOpen] = useState(false)
  const { found, ask } = useFoundValues()
  const wanted = text.toLowerCase()
  const known = fixed.filter(({ value, name: called }) => `${value} ${called ?? ''}`.toLowerCase().includes(wanted))
  const choices = [...(found.field === field ? found.values : []), ...known].slice(0, MOST_SHOWN)
  const list = useListbox({
    count: choices.length,
    open,
    onOpenChange: setOpen,
    onChoose: (index) => choose(choices[index]),
  })

  function write(next: string) {
    setText(next)
    setChosen(null)
    setOpen(true)
    list.resetMark()
    ask(field, next)
  }

  function choose(choice: Choice | undefined) {
    if (!choice) return
    setText(choice.name ?? choice.value)
    setChosen(choice.value)
    setOpen(false)
  }

  const isShown = open && choices.length > 0
  return (
    <span className="relative block">
      <input type="hidden" name={name} value={chosen ?? text} />
      <input
        id={id}
        type="text"
        required
        maxLength={200}
        value={text}
        onChange={(event) => write(event.currentTarget.value)}
        onClick={() => ask(field, text)}
        className={controlClass}
        {...list.inputProps}
      />
      <span
        className={`absolute inset-x-0 top-full z-30 mt-1 max-h-72 overflow-y-auto rounded-card border border-line bg-surface py-1 shadow-pop ${isShown ? 'block' : 'hidden'}`}
      >
        {isShown && (
          <ul {...list.listProps} aria-label={t('query.suggestions')}>
            {choices.map((choice, index) => (
              <li
                key={choice.value}
                {...list.optionProps(index)}
                className="cursor-pointer px-2.5 py-1.5 aria-selected:bg-accent-soft max-md:min-h-11"
              >
                {choice.name ?? choice.value}
                {choice.hint && <span className="text-ink-2"> · {choice.hint}</span>}
              </li>
            ))}
          </ul>
        )}
      </span>
    </span>
  )
}
