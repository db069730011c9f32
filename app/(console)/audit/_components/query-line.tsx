'use client'

import { usePathname, useRouter, useSearchParams } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { type KeyboardEvent, useId, useRef, useState, useTransition } from 'react'
import { listHref } from '#components/table/list-url.ts'
import { Button } from '#components/ui/button.tsx'
import { controlClass } from '#components/ui/input.tsx'
import { useListbox } from '#components/ui/use-listbox.ts'
import {
  type Choice,
  type Completion,
  complete,
  fieldCompletions,
  valueCompletions,
  type Word,
  wordAt,
} from '../_completion.ts'
import { UnseenCharacters } from './unseen-characters.tsx'
import { useFoundValues } from './use-found-values.ts'
import { useQueryWords } from './use-query-words.ts'

const MOST_SHOWN = 12
/** So much of a word of the reader's language finds an action without its field. */
const LEAST_OF_WORD = 2

/** The query as text, with fields and values to choose from. Enter searches; arrows, then Enter, complete. */
export function QueryLine({ q, isWrong }: { q: string; isWrong: boolean }) {
  const t = useTranslations('audit')
  const [pending, search] = useSearch()
  const [text, setText] = useState(q)
  const [caret, setCaret] = useState(q.length)
  const [open, setOpen] = useState(false)
  const [walked, setWalked] = useState(false)
  const input = useRef<HTMLInputElement>(null)
  const unseenId = useId()
  const { found, ask } = useFoundValues()
  const word = wordAt(text, caret)
  const completions = useCompletions(word, found.field === word.field ? found.values : [], walked)
  const list = useListbox({
    count: completions.length,
    open,
    onOpenChange: setOpen,
    onChoose: (index) => choose(completions[index]),
  })

  function write(next: string, at: number) {
    setText(next)
    setCaret(at)
    setOpen(true)
    setWalked(false)
    list.resetMark()
    const here = wordAt(next, at)
    ask(here.field, here.value)
  }

  function choose(completion: Completion | undefined) {
    if (!completion) return
    const next = complete(text, word, completion)
    write(next.text, next.caret)
    input.current?.focus()
    // Once the text is there: React sets the caret to its end.
    requestAnimationFrame(() => input.current?.setSelectionRange(next.caret, next.caret))
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') setWalked(true)
    // Enter belongs to the list only once somebody has walked in it.
    if (event.key === 'Enter' && !walked) return setOpen(false)
    list.inputProps.onKeyDown(event)
  }

  const isShown = open && completions.length > 0
  return (
    <search className="min-w-0 flex-1 basis-96 max-sm:basis-full" aria-busy={pending}>
      <form
        action="/audit"
        className="flex gap-2"
        onSubmit={(event) => {
          event.preventDefault()
          setOpen(false)
          search(text.trim())
        }}
      >
        <span className="relative block min-w-0 flex-1">
          <input
            ref={input}
            name="q"
            type="text"
            // The language is written from left to right, whatever its values are.
            dir="ltr"
            aria-label={t('query.label')}
            aria-describedby={unseenId}
            aria-invalid={isWrong || undefined}
            placeholder={t('query.placeholder')}
            value={text}
            maxLength={4_000}
            onChange={(event) =>
              write(event.currentTarget.value, event.currentTarget.selectionStart ?? event.currentTarget.value.length)
            }
            onSelect={(event) => setCaret(event.currentTarget.selectionStart ?? 0)}
            data-page-search
            className={`${controlClass} font-mono sm:text-mono`}
            {...list.inputProps}
            onKeyDown={onKeyDown}
          />
          <span
            className={`absolute inset-x-0 top-full z-30 mt-1 max-h-72 overflow-y-auto rounded-card border border-line bg-surface py-1 shadow-pop ${isShown ? 'block' : 'hidden'}`}
          >
            {isShown && (
              <ul {...list.listProps} aria-label={t('query.suggestions')}>
                {completions.map((item, index) => (
                  <li
                    key={item.text}
                    {...list.optionProps(index)}
                    className="flex cursor-pointer items-baseline gap-3 px-2.5 py-1 aria-selected:bg-accent-soft max-md:min-h-11"
                  >
                    <span className="min-w-0 truncate">{item.name}</span>
                    {item.hint && <span className="min-w-0 truncate text-ink-2">{item.hint}</span>}
                    <span className="ml-auto max-w-1/2 shrink-0 truncate font-mono text-mono text-ink-3">
                      {item.text}
                    </span>
                  </li>
                ))}
              </ul>
            )}
          </span>
        </span>
        <Button type="submit">{t('query.search')}</Button>
      </form>
      <UnseenCharacters id={unseenId} text={text} />
    </search>
  )
}

/** Goes to the search of a text, the rest of the address as it is; an event that stands beside the list is left. */
function useSearch() {
  const [router, pathname, params] = [useRouter(), usePathname(), useSearchParams()]
  const [pending, startTransition] = useTransition()
  function search(q: string) {
    const href = listHref('/audit', params, { q, event: null })
    // The same once more is asked anew: something may have happened.
    const isSame = pathname === '/audit' && href === listHref('/audit', params, {})
    startTransition(() => (isSame ? router.refresh() : router.push(href, { scroll: false })))
  }
  return [pending, search] as const
}

/** What could stand at the caret: values of its field, else fields and the actions that its word means. */
function useCompletions({ field, value }: Word, found: readonly Choice[], isAsked: boolean): Completion[] {
  const words = useQueryWords()
  if (field !== null) {
    return valueCompletions(field, value, [...found, ...(words.values[field] ?? [])])
      .filter(({ text }, index, all) => all.findIndex((other) => other.text === text) === index)
      .slice(0, MOST_SHOWN)
  }
  if (value === '' && !isAsked) return []
  const actions = value.length < LEAST_OF_WORD ? [] : valueCompletions('action', value, words.values.action ?? [])
  return [...fieldCompletions(value, words.fieldName), ...actions].slice(0, MOST_SHOWN)
}
