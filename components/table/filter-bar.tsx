'use client'

import { X } from 'lucide-react'
import NextLink from 'next/link'
import { usePathname, useRouter, useSearchParams } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { useTransition } from 'react'
import { Button } from '../ui/button.tsx'
import { Input, Select, type SelectOption } from '../ui/input.tsx'
import { ButtonLink } from '../ui/link.tsx'
import { StateBlock } from '../ui/states.tsx'
import { listHref } from './list-url.ts'

export type FilterDef = { param: string; label: string; options: SelectOption[] }

type Props = {
  /** A free text filter and what it looks at. */
  text?: { param: string; label: string; mono?: boolean }
  filters?: FilterDef[]
}

/** Filters of a list. They live in the URL alone; each change starts at the first page. Without scripts it is a GET form. */
export function FilterBar({ text, filters = [] }: Props) {
  const t = useTranslations('common')
  const pathname = usePathname()
  const params = useSearchParams()
  const router = useRouter()
  const [pending, startTransition] = useTransition()
  const set = (changes: Record<string, string | null>) =>
    startTransition(() => router.push(listHref(pathname, params, { ...changes, cursor: null }), { scroll: false }))
  return (
    <search aria-label={t('filter.label')} aria-busy={pending} className="mb-3">
      <form
        key={text && params.get(text.param)}
        className="flex flex-wrap gap-2"
        onSubmit={(event) => {
          event.preventDefault()
          if (text) set({ [text.param]: String(new FormData(event.currentTarget).get(text.param) ?? '').trim() })
        }}
      >
        {text && (
          <span className="flex min-w-48 flex-1 gap-2 max-sm:basis-full">
            <Input
              name={text.param}
              type="search"
              aria-label={text.label}
              placeholder={text.label}
              defaultValue={params.get(text.param) ?? ''}
              mono={text.mono ?? false}
            />
            <Button type="submit">{t('filter.search')}</Button>
          </span>
        )}
        {filters.map((filter) => (
          <Select
            key={filter.param}
            aria-label={filter.label}
            className="max-sm:flex-1"
            options={[{ value: '', label: `${filter.label}: ${t('filter.any')}` }, ...filter.options]}
            value={params.get(filter.param) ?? ''}
            onChange={(event) => set({ [filter.param]: event.currentTarget.value })}
          />
        ))}
      </form>
      <FilterChips text={text} filters={filters} />
    </search>
  )
}

function FilterChips({ text, filters = [] }: Props) {
  const t = useTranslations('common')
  const pathname = usePathname()
  const params = useSearchParams()
  const defs = text ? [{ param: text.param, label: text.label, options: [] }, ...filters] : filters
  const active = defs.flatMap((def) => {
    const value = params.get(def.param)
    return value ? [{ ...def, word: def.options.find((option) => option.value === value)?.label ?? value }] : []
  })
  if (active.length === 0) return null
  return (
    <ul className="mt-2 flex flex-wrap gap-1.5">
      {active.map((chip) => (
        <li key={chip.param}>
          <NextLink
            href={listHref(pathname, params, { [chip.param]: null, cursor: null })}
            prefetch={false}
            scroll={false}
            aria-label={t('filter.remove', { name: `${chip.label}: ${chip.word}` })}
            className="inline-flex min-h-6 items-center gap-1 rounded border border-line bg-accent-soft px-1.5 text-[11px] leading-[18px] hover:border-line-strong"
          >
            <span className="text-ink-2">{chip.label}:</span> {chip.word}
            <X aria-hidden className="size-3 text-ink-2" />
          </NextLink>
        </li>
      ))}
    </ul>
  )
}

/** The list has entries, but none matches: not the same as an empty list. `clearHref` is the list without filters. */
export function NoMatch({ clearHref, text }: { clearHref: string; text?: string }) {
  const t = useTranslations('common')
  return (
    <StateBlock
      title={t('table.noMatch')}
      text={text ?? t('table.noMatchText')}
      action={<ButtonLink href={clearHref}>{t('table.clearFilters')}</ButtonLink>}
    />
  )
}
