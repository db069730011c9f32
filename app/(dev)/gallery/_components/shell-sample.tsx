'use client'

import type { ReactNode } from 'react'
import { ConsoleShell } from '#components/shell/console-shell.tsx'
import type { NavGroup } from '#components/shell/nav.ts'

const nav: NavGroup[] = [
  { key: 'top', items: [{ key: 'overview', href: '/gallery/overview' }] },
  {
    key: 'protect',
    items: [
      { key: 'policies', href: '/gallery/policies' },
      { key: 'people', href: '/gallery/people', count: 1204 },
      { key: 'devices', href: '/gallery/devices', count: 3118 },
      { key: 'files', href: '/gallery/files' },
      { key: 'signIn', href: '/gallery/sign-in' },
      { key: 'review', href: '/gallery/review', count: 6 },
    ],
  },
  {
    key: 'watch',
    items: [
      { key: 'audit', href: '/gallery' },
      { key: 'alerts', href: '/gallery/alerts', count: 2, tone: 'danger' },
      { key: 'approvals', href: '/gallery/approvals', count: 1 },
      { key: 'reports', href: '/gallery/reports' },
    ],
  },
  {
    key: 'connect',
    items: [
      { key: 'integrations', href: '/gallery/integrations' },
      { key: 'keys', href: '/gallery/keys' },
      { key: 'trust', href: '/gallery/trust' },
      { key: 'settings', href: '/gallery/settings' },
    ],
  },
]

const nothing = async () => undefined

const organisation = { id: '1', name: 'Harbour Trading' }

/** The frame with an organisation that does not exist. */
export function ShellSample({ children }: { children: ReactNode }) {
  return (
    <ConsoleShell
      nav={nav}
      homeHref="/gallery"
      searchUrl="/gallery/search"
      account={{
        person: { name: 'Mei Lau', email: 'mei@harbour.example' },
        accountHref: '/gallery',
        theme: 'system',
        organisation,
        organisations: [organisation, { id: '2', name: 'Second Harbour' }],
        switchAction: nothing,
        signOutAction: nothing,
      }}
    >
      {children}
    </ConsoleShell>
  )
}
