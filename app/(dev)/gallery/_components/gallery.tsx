import { ConsoleShell } from '#components/shell/console-shell.tsx'
import type { NavGroup } from '#components/shell/nav.ts'
import { Button } from '#components/ui/button.tsx'
import { Page } from '#components/ui/page.tsx'
import { Tag } from '#components/ui/tag.tsx'
import { LogSample } from './log-sample.tsx'
import { PieceSamples } from './piece-samples.tsx'
import { WipeSample } from './wipe-sample.tsx'

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

async function nothing() {
  'use server'
}

const organisation = { id: '1', name: 'Harbour Trading' }

export function Gallery({ part }: { part: string }) {
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
      {part === 'wipe' ? <WipeSample /> : <LogPage />}
    </ConsoleShell>
  )
}

function LogPage() {
  return (
    <Page
      crumbs={[{ label: 'Harbour Trading' }, { label: 'Audit log' }]}
      title="Audit log"
      sub="Every sensitive operation, in the order it was recorded."
      actions={
        <>
          <span className="self-center">
            <Tag tone="ok">Intact — 51,204,118 events, witnessed 2 min ago</Tag>
          </span>
          <Button>Save view</Button>
          <Button disabledReason="Exports need the permission audit:export">Export…</Button>
        </>
      }
    >
      <LogSample />
      <PieceSamples />
    </Page>
  )
}
