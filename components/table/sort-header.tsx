'use client'

import { ArrowDown, ArrowUp } from 'lucide-react'
import NextLink from 'next/link'
import { usePathname, useSearchParams } from 'next/navigation'
import type { ReactNode } from 'react'
import { cx } from '../ui/cx.ts'
import { formatSort, listHref, type Sort } from './list-url.ts'

type Meta = { sortKey?: string; firstSort?: 'asc' | 'desc'; align?: 'start' | 'end' } | undefined

/** A column's head. Sorting is a link: the order is in the URL and a new order starts at the first page. */
export function SortHeader({ meta, sort, children }: { meta: Meta; sort: Sort | null; children: ReactNode }) {
  const pathname = usePathname()
  const params = useSearchParams()
  const sorted = meta?.sortKey && sort?.key === meta.sortKey ? sort.direction : null
  const next = sorted ? opposite(sorted) : (meta?.firstSort ?? 'asc')
  const look = cx(
    'border-b border-line px-2 py-[7px] text-tiny leading-5 font-medium text-ink-3',
    meta?.align === 'end' ? 'text-right' : 'text-left',
  )
  if (!meta?.sortKey) {
    return (
      <th scope="col" className={look}>
        {children}
      </th>
    )
  }
  const href = listHref(pathname, params, { sort: formatSort({ key: meta.sortKey, direction: next }), cursor: null })
  return (
    <th scope="col" aria-sort={sorted ? `${sorted}ending` : undefined} className={look}>
      <NextLink
        href={href}
        prefetch={false}
        scroll={false}
        className="inline-flex items-center gap-1 rounded hover:text-ink"
      >
        {children}
        {sorted === 'asc' && <ArrowUp aria-hidden className="size-3" />}
        {sorted === 'desc' && <ArrowDown aria-hidden className="size-3" />}
      </NextLink>
    </th>
  )
}

function opposite(direction: 'asc' | 'desc') {
  return direction === 'asc' ? 'desc' : 'asc'
}
