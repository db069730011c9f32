import { ArrowDown, ArrowUp } from 'lucide-react'
import NextLink from 'next/link'
import { usePathname, useSearchParams } from 'next/navigation'
import type { ReactNode } from 'react'
import { listHref } from '#components/table/list-url.ts'
import type { AuditParams } from '../search-params.ts'

/** Turns the order of the list round; newest first is the usual one. */
export function SortLink({ sort, children }: { sort: AuditParams['sort']; children: ReactNode }) {
  const [pathname, params] = [usePathname(), useSearchParams()]
  const Arrow = sort === 'time' ? ArrowUp : ArrowDown
  return (
    <NextLink
      href={listHref(pathname, params, { sort: sort === 'time' ? null : 'time' })}
      prefetch={false}
      scroll={false}
      className="inline-flex items-center gap-1 rounded hover:text-ink"
    >
      {children}
      <Arrow aria-hidden className="size-3" />
    </NextLink>
  )
}
