'use client'

import { usePathname, useRouter, useSearchParams } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { type KeyboardEvent, useRef, useState, useTransition } from 'react'
import { useJumpSearch } from '#components/shell/use-jump-search.ts'
import { listHref } from '#components/table/list-url.ts'
import { Button } from '#components/ui/button.tsx'
import { controlClass } from '#components/ui/input.tsx'
import { useListbox } from '#components/ui/use-listbox.ts'

type Values = { readonly [field: string]: readonly string[] }
type Props = { q: string; fields: readonly string[]; values: Values; isWrong: boolean }
/** What would stand in place of the word under the caret. */
type Completion = { text: string; label: string; hint?: string }

const MOST_SHOWN = 12
const KIND_OF: Record<string, string> = { actor: 'person', device: 'device', target: 'file' }

/** The query as text, with fields and values to choose from. Enter searches; arrows, then Enter, complete. */
export function QueryLine({ q, fields, values, isWrong }: Props) {
  const t = useTranslations('audit')
  const router = useRouter()
  const pathname = usePathname()
  const params = useSearchParams()
  const [pending, startTransition] = useTransition()
  const [text, setText] = useState(q)
  const [open, setOpen] = useState(false)
  const [walked, setWalked] = useState(false)
  const input = useRef<HTMLInputElement>(null)
  const names = useJumpSearch('/api/search')
  const word = wordAtEnd(text)
  const found = [
    ...completions(word, fields, values),
    ...names.result.items
      .filter((item) => item.kind === KIND_OF[word.field ?? ''])
      .map((item) => ({
        text: `${word.sign}${word.field}:${item.id}`,
        label: item.title,
        ...(item.subtitle && { hint: item.subtitle }),
      })),
  ].slice(0, MOST_SHOWN)
  const list = useListbox({
    count: found.length,
    open,
    onOpenChange: setOpen,
    onChoose: (index) => complete(found[index]),
  })

  function type(next: string) {
    setText(next)
    setOpen(true)
    setWalked(false)
    list.resetMark()
    const { field, value } = wordAtEnd(next)
    names.search(field && field in KIND_OF ? value : '')
  }

  function complete(completion: Completion | undefined) {
    if (!completion) return
    type(
      `${text.slice(0, text.length - word.whole.length)}${completion.text}${completion.text.endsWith(':') ? '' : ' '}`,
    )
    input.current?.focus()
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.key.startsWith('Arrow')) setWalked(true)
    // Enter belongs to the list only once somebody has walked in it.
    if (event.key === 'Enter' && !walked) return setOpen(false)
    list.inputProps.onKeyDown(event)
  }

  return (
    <search className="min-w-0 flex-1 basis-96 max-sm:basis-full" aria-busy={pending}>
      <form
        action={pathname}
        className="flex gap-2"
        onSubmit={(event) => {
          event.preventDefault()
          setOpen(false)
          startTransition(() =>
            router.push(listHref('/audit', params, { q: text.trim(), cursor: null }), { scroll: false }),
          )
        }}
      >
        <span className="relative block min-w-0 flex-1">
          <input
            ref={input}
            name="q"
            type="text"
            aria-label={t('query.label')}
            aria-invalid={isWrong || undefined}
            placeholder={t('query.placeholder')}
            value={text}
            maxLength={2_000}
            onChange={(event) => type(event.currentTarget.value)}
            data-page-search
            className={`${controlClass} font-mono sm:text-mono`}
            {...list.inputProps}
            onKeyDown={onKeyDown}
          />
          <span
            className={`absolute inset-x-0 top-full z-30 mt-1 max-h-72 overflow-y-auto rounded-card border border-line bg-surface py-1 shadow-pop ${open && found.length > 0 ? 'block' : 'hidden'}`}
          >
            {open && found.length > 0 && (
              <ul {...list.listProps} aria-label={t('query.suggestions')}>
                {found.map((item, index) => (
                  <li
                    key={item.text}
                    {...list.optionProps(index)}
                    className="cursor-pointer px-2.5 py-1 font-mono text-mono aria-selected:bg-accent-soft max-md:min-h-11"
                  >
                    {item.label}
                    {item.hint && <span className="text-ink-2"> · {item.hint}</span>}
                  </li>
                ))}
              </ul>
            )}
          </span>
        </span>
        <Button type="submit">{t('query.search')}</Button>
      </form>
    </search>
  )
}

type Word = { whole: string; sign: string; field: string | null; value: string }

/** The word being typed: what stands after the last space or parenthesis. */
function wordAtEnd(text: string): Word {
  const [whole = ''] = /[^\s()]*$/.exec(text) ?? []
  const [, sign = '', field, value] = /^(-?)(?:([a-z]+):)?(.*)$/.exec(whole) ?? []
  return { whole, sign, field: field ?? null, value: value ?? '' }
}

function completions({ sign, field, value }: Word, fields: readonly string[], values: Values): Completion[] {
  const wanted = value.toLowerCase()
  if (field !== null) {
    const known = (values[field] ?? []).filter((candidate) => candidate.includes(wanted) && candidate !== wanted)
    return known.map((candidate) => ({ text: `${sign}${field}:${candidate}`, label: `${field}:${candidate}` }))
  }
  if (wanted === '') return []
  return fields
    .filter((name) => name.startsWith(wanted))
    .map((name) => ({ text: `${sign}${name}:`, label: `${name}:` }))
}
