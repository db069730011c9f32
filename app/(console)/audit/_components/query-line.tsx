'use client'

import { usePathname, useRouter, useSearchParams } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { useId, useState, useTransition } from 'react'
import { listHref } from '#components/table/list-url.ts'
import { Button } from '#components/ui/button.tsx'
import { QueryField } from './query-field.tsx'
import { UnseenCharacters } from './unseen-characters.tsx'

/** The query as text, and what searches for it. */
export function QueryLine({ q, isWrong }: { q: string; isWrong: boolean }) {
  const t = useTranslations('audit')
  const [pending, search] = useSearch()
  const [text, setText] = useState(q)
  const unseenId = useId()
  return (
    <search className="min-w-0 flex-1 basis-96 max-sm:basis-full" aria-busy={pending}>
      <form
        action="/audit"
        className="flex gap-2"
        onSubmit={(event) => {
          event.preventDefault()
          search(text.trim())
        }}
      >
        <QueryField text={text} onText={setText} searched={q} isWrong={isWrong} describedBy={unseenId} />
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
