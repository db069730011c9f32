'use client'

import { usePathname, useSearchParams } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { ButtonLink } from '../ui/link.tsx'
import { listHref } from './list-url.ts'

export type PagerProps = {
  /** The server's cursor for the page after this one; null on the last. */
  nextCursor: string | null
  /** How many there are; `capped` when the server stopped counting there. */
  total?: { value: number; capped: boolean }
  /** Name of the URL parameter, `cursor` unless a page has two lists. */
  param?: string
}

/** Keyset pages: on to the next, or back to the first. The browser's own back button goes one page back. */
export function Pager({ nextCursor, total, param = 'cursor', shown }: PagerProps & { shown: number }) {
  const t = useTranslations('common')
  const pathname = usePathname()
  const params = useSearchParams()
  return (
    <nav aria-label={t('table.pages')} className="mt-2 flex min-h-[30px] items-center gap-2 text-ink-2">
      <span className="flex-1">
        {t('table.shown', { count: shown })}
        {total &&
          ` · ${total.capped ? t('table.totalCapped', { count: total.value }) : t('table.total', { count: total.value })}`}
      </span>
      {params.has(param) && (
        <ButtonLink href={listHref(pathname, params, { [param]: null })}>{t('table.newest')}</ButtonLink>
      )}
      {nextCursor && (
        <ButtonLink href={listHref(pathname, params, { [param]: nextCursor })}>{t('table.next')}</ButtonLink>
      )}
    </nav>
  )
}
