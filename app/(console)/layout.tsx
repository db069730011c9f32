import { cookies } from 'next/headers'
import type { ReactNode } from 'react'
import { ConsoleShell } from '#components/shell/console-shell.tsx'
import { pageSignedIn, parkedSessions } from '#server/http/session.ts'
import { parseTheme, THEME_COOKIE } from '../../i18n/locales.ts'
import { navFor } from './_nav.ts'
import { navCounts } from './_nav-counts.ts'
import { switchOrganisation } from './actions.ts'

/** The frame of every page behind sign-in. It shows; each page and action still asks for its person itself. */
export default async function ConsoleLayout({ children }: { children: ReactNode }) {
  const { actor, organisation } = await pageSignedIn()
  const [counts, parked, jar] = await Promise.all([navCounts(actor), parkedSessions(), cookies()])
  return (
    <ConsoleShell
      nav={navFor(actor, counts)}
      homeHref="/"
      searchUrl="/api/search"
      account={{
        person: { name: actor.name, email: actor.email },
        accountHref: '/account',
        theme: parseTheme(jar.get(THEME_COOKIE)?.value),
        organisation,
        organisations: [organisation, ...parked.map(({ signedIn }) => signedIn.organisation)],
        switchAction: switchOrganisation,
        signOutAction: '/sign-out',
      }}
    >
      {children}
    </ConsoleShell>
  )
}
