import { ChevronLeft } from 'lucide-react'
import NextLink from 'next/link'
import { useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import { cx } from './cx.ts'

export type Crumb = { label: string; href?: string }

type Props = {
  /**
   * The last one is this page; the organisation, where it stands first, has no href. On a phone the last one before this
   * page that has an href is the way back; without one the page counts as a top one and the search field shows.
   */
  crumbs: Crumb[]
  /** Beside the crumbs: the state of a draft. */
  crumbAside?: ReactNode
  /** The heading, where it says more than the last crumb. */
  title?: ReactNode
  sub?: ReactNode
  /** Buttons right of the heading. */
  actions?: ReactNode
  /** Identifiers are set in monospace in the phone's title. */
  monoTitle?: boolean
  /** `narrow` for forms and questions. */
  width?: 'full' | 'narrow'
  children: ReactNode
}

/**
 * A page of the console. Its crumbs lie over the left of the shell's top bar: they belong to the page, so that the
 * server can draw them with it.
 */
export function Page({ crumbs, crumbAside, title, sub, actions, monoTitle = false, width = 'full', children }: Props) {
  const here = crumbs.at(-1)?.label ?? ''
  const back = crumbs.slice(0, -1).findLast((crumb) => crumb.href)
  return (
    <>
      <div className="pointer-events-none sticky top-0 z-20 mt-[calc(-1*var(--top-bar,48px))] mb-[calc(var(--top-bar,48px)-48px)] flex h-12 items-center gap-3 px-6 max-md:px-2 md:mr-[372px]">
        <Crumbs crumbs={crumbs} />
        <PhoneTitle back={back} here={here} mono={monoTitle} />
        {crumbAside && <div className="pointer-events-auto max-md:hidden">{crumbAside}</div>}
      </div>
      <div className={cx('px-6 pt-5 pb-10 max-md:px-4', width === 'narrow' && 'max-w-2xl')}>
        {(title || actions) && (
          <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
            <div className="min-w-0 flex-1 basis-64">
              <h1 className="wrap-anywhere">{title ?? here}</h1>
              {sub && <p className="mt-0.5 text-ink-2">{sub}</p>}
            </div>
            {actions && <div className="flex flex-wrap gap-2">{actions}</div>}
          </div>
        )}
        <div className={title || actions ? 'mt-4' : ''}>{children}</div>
      </div>
    </>
  )
}

/** Those stay whole where a long name beside them has to give way. */
const SHORT_CRUMB = 20

function Crumbs({ crumbs }: { crumbs: Crumb[] }) {
  const t = useTranslations('common')
  return (
    <nav aria-label={t('page.crumbs')} className="pointer-events-auto min-w-0 max-md:hidden">
      <ol className="flex gap-1 text-ink-3">
        {crumbs.map((crumb, index) => (
          <li
            key={`${crumb.label}${crumb.href ?? ''}`}
            className={cx('flex gap-1', crumb.label.length > SHORT_CRUMB ? 'min-w-0' : 'shrink-0')}
          >
            {index > 0 && <span aria-hidden>/</span>}
            <CrumbText crumb={crumb} last={index === crumbs.length - 1} />
          </li>
        ))}
      </ol>
    </nav>
  )
}

function CrumbText({ crumb, last }: { crumb: Crumb; last: boolean }) {
  if (last || !crumb.href) {
    return (
      <span aria-current={last ? 'page' : undefined} className={cx('truncate', last && 'font-semibold text-ink')}>
        {crumb.label}
      </span>
    )
  }
  return (
    <NextLink href={crumb.href} prefetch={false} className="truncate hover:text-ink">
      {crumb.label}
    </NextLink>
  )
}

/** On a phone: one step back at the left, the page's name in the middle. */
function PhoneTitle({ back, here, mono }: { back: Crumb | undefined; here: string; mono: boolean }) {
  return (
    <div className="grid w-full grid-cols-[minmax(76px,1fr)_minmax(0,auto)_minmax(76px,1fr)] items-center gap-x-2 md:hidden">
      {back?.href ? (
        <NextLink
          href={back.href}
          prefetch={false}
          data-page-back
          className="pointer-events-auto flex min-h-11 min-w-0 items-center text-ink-2"
        >
          <ChevronLeft aria-hidden className="size-4 shrink-0" />
          <span className="truncate">{back.label}</span>
        </NextLink>
      ) : (
        <span />
      )}
      <span className={cx('truncate font-semibold', mono && 'font-mono')}>{here}</span>
    </div>
  )
}
