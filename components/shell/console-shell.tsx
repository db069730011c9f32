import NextLink from 'next/link'
import { useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import { AccountMenu, type AccountMenuProps } from './account-menu.tsx'
import { Brand } from './brand.tsx'
import { HelpDialog } from './help-dialog.tsx'
import { JumpField, JumpHotkeys } from './jump-field.tsx'
import { MobileMenu } from './mobile-menu.tsx'
import type { NavGroup } from './nav.ts'
import { SideNav } from './side-nav.tsx'

type Props = {
  nav: NavGroup[]
  /** Where the brand leads. */
  homeHref: string
  /** Answers `?q=` with `{items: [{kind, id, title, subtitle, href}]}`. */
  searchUrl: string
  account: AccountMenuProps
  /** A line above everything: reconnecting, read-only, cancel-all. */
  banner?: ReactNode
  children: ReactNode
}

/** The frame of every page behind sign-in: places left, one field and the account above, the page itself. */
export function ConsoleShell({ nav, homeHref, searchUrl, account, banner, children }: Props) {
  const t = useTranslations('shell')
  return (
    <div className="group/shell grid min-h-dvh grid-cols-[208px_minmax(0,1fr)] [--top-bar:48px] max-md:grid-cols-1 max-md:not-has-data-page-back:[--top-bar:105px]">
      <a
        href="#content"
        className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:rounded-control focus:bg-surface focus:px-3 focus:py-2"
      >
        {t('skip')}
      </a>
      <aside className="sticky top-0 h-dvh overflow-y-auto border-r border-line bg-bg px-2 py-3 max-md:hidden">
        <NextLink href={homeHref} prefetch={false} className="mb-2.5 inline-block rounded-control px-2 py-1">
          <Brand />
        </NextLink>
        <SideNav groups={nav} />
      </aside>
      <div className="flex min-w-0 flex-col">
        {banner}
        <header className="sticky top-0 z-10 flex h-12 items-center justify-end gap-3 border-b border-line bg-surface px-6 max-md:px-2">
          <JumpField searchUrl={searchUrl} className="w-70 max-md:hidden" />
          <div className="max-md:hidden">
            <AccountMenu {...account} />
          </div>
          <MobileMenu nav={nav} searchUrl={searchUrl} account={account} />
        </header>
        {/* On a phone the field comes first on every list; a page one step down has its title and way back instead. */}
        <div className="border-b border-line bg-surface px-4 py-1.5 md:hidden group-has-data-page-back/shell:hidden">
          <JumpField searchUrl={searchUrl} />
        </div>
        <main id="content" tabIndex={-1} className="min-w-0 flex-1 outline-none">
          {children}
        </main>
      </div>
      <HelpDialog />
      <JumpHotkeys />
    </div>
  )
}
