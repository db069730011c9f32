'use client'

import { useTranslations } from 'next-intl'
import { useState } from 'react'
import { type JumpItem, useJumpSearch } from '#components/shell/use-jump-search.ts'
import { controlClass } from '#components/ui/input.tsx'
import { useListbox } from '#components/ui/use-listbox.ts'

type Props = {
  kinds: readonly string[]
  id: string
  required?: boolean | undefined
  'aria-describedby'?: string | undefined
}

/**
 * One of all files, people and devices, found by the server while somebody types. Without a choice, or without scripts, the text
 * itself is what is asked.
 */
export function QuestionPicker({ kinds, ...input }: Props) {
  const t = useTranslations('audit')
  const { result, search } = useJumpSearch('/api/search')
  const [text, setText] = useState('')
  const [open, setOpen] = useState(false)
  const [chosen, setChosen] = useState<JumpItem | null>(null)
  const found = result.items.filter(({ kind }) => kinds.includes(kind))
  const list = useListbox({
    count: found.length,
    open,
    onOpenChange: setOpen,
    onChoose: (index) => choose(found[index]),
  })

  function choose(item: JumpItem | undefined) {
    if (!item) return
    setChosen(item)
    setText(item.title)
    setOpen(false)
  }

  function type(next: string) {
    setText(next)
    setChosen(null)
    setOpen(true)
    list.resetMark()
    search(next)
  }

  return (
    <span className="relative block">
      {chosen && (
        <>
          <input type="hidden" name="kind" value={chosen.kind} />
          <input type="hidden" name="id" value={chosen.id} />
        </>
      )}
      <input
        {...input}
        name="value"
        type="text"
        maxLength={200}
        value={text}
        onChange={(event) => type(event.currentTarget.value)}
        className={controlClass}
        {...list.inputProps}
      />
      <span role="status" className="mt-1 block text-ink-2 empty:hidden">
        {open && result.status === 'failed' && t('questions.searchFailed')}
        {open && result.status === 'done' && found.length === 0 && t('questions.noName')}
      </span>
      {open && found.length > 0 && (
        <ul
          {...list.listProps}
          aria-label={t('questions.choices')}
          className="absolute inset-x-0 top-full z-40 mt-1 max-h-72 overflow-y-auto rounded-card border border-line bg-surface py-1 shadow-pop"
        >
          {found.map((item, index) => (
            <li
              key={`${item.kind} ${item.id}`}
              {...list.optionProps(index)}
              className="cursor-pointer px-2.5 py-1.5 aria-selected:bg-accent-soft max-md:min-h-11"
            >
              {item.title}
              {item.subtitle && <span className="text-ink-2"> · {item.subtitle}</span>}
            </li>
          ))}
        </ul>
      )}
    </span>
  )
}
