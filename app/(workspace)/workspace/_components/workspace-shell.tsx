'use client'

import { FolderLock, UserRound } from 'lucide-react'
import NextLink from 'next/link'
import { usePathname } from 'next/navigation'
import { useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import { Brand } from '#components/shell/brand.tsx'
import { LanguageLinks } from '#components/shell/preferences.tsx'
import { useWorkspace } from '../_agent/workspace-provider.tsx'

/** The frame of the workspace: its two places above, the page below. A file that is open takes the whole screen. */
export function WorkspaceShell({ children }: { children: ReactNode }) {
  const t = useTranslations('workspace')
  const shell = useTranslations('shell')
  const isFile = usePathname().startsWith('/workspace/files/')
  const { view } = useWorkspace()
  const isIn = view.phase === 'enrolled'
  return (
    <div className="flex min-h-dvh flex-col">
      <a
        href="#content"
        className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:rounded-control focus:bg-surface focus:px-3 focus:py-2"
      >
        {shell('skip')}
      </a>
      {!isFile && (
        <header className="sticky top-0 z-10 border-b border-line bg-surface">
          <div className="mx-auto flex h-12 max-w-3xl items-center gap-1 px-4">
            <NextLink href="/workspace" prefetch={false} className="mr-auto rounded-control py-1">
              <Brand />
            </NextLink>
            {isIn && (
              <nav aria-label={t('nav.label')} className="flex gap-1">
                <Place href="/workspace" icon={<FolderLock aria-hidden className="size-4" />}>
                  {t('nav.files')}
                </Place>
                <Place href="/workspace/me" icon={<UserRound aria-hidden className="size-4" />}>
                  {t('nav.me')}
                </Place>
              </nav>
            )}
          </div>
        </header>
      )}
      <main id="content" tabIndex={-1} className="flex min-w-0 flex-1 flex-col outline-none">
        {children}
      </main>
      {!isFile && !isIn && (
        <footer className="flex justify-center py-6">
          <LanguageLinks />
        </footer>
      )}
    </div>
  )
}

function Place({ href, icon, children }: { href: string; icon: ReactNode; children: ReactNode }) {
  const isHere = usePathname() === href
  return (
    <NextLink
      href={href}
      aria-current={isHere ? 'page' : undefined}
      className="flex min-h-10 items-center gap-1.5 rounded-control px-2.5 text-ink-2 hover:bg-sunken aria-[current=page]:bg-sunken aria-[current=page]:font-semibold aria-[current=page]:text-ink"
    >
      {icon}
      {children}
    </NextLink>
  )
}
