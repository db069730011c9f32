import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import { AuthShell } from '#components/shell/auth-shell.tsx'
import { Link } from '#components/ui/link.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { checkSetupToken } from '#server/kernel/setup-link.ts'
import { SetupForm } from '../_components/setup-form.tsx'

export async function generateMetadata(): Promise<Metadata> {
  // The link is a secret: it must not travel on in a Referer.
  return { title: (await getTranslations('setup'))('title'), referrer: 'no-referrer' }
}

type Props = { searchParams: Promise<{ token?: string | string[] }> }

/** The first page of all: names the organisation and its founding owner, once, with the link the server printed. */
export default async function SetupPage({ searchParams }: Props) {
  const t = await getTranslations('setup')
  const { token } = await searchParams
  const given = typeof token === 'string' ? token : ''
  const state = await checkSetupToken(given)
  if (state !== 'open') {
    return (
      <AuthShell
        title={t('title')}
        foot={state === 'completed' ? <Link href="/sign-in">{t('toSignIn')}</Link> : undefined}
      >
        <Notice tone="warn">{t(`state.${state}`)}</Notice>
      </AuthShell>
    )
  }
  return (
    <AuthShell title={t('title')} intro={t('intro')}>
      <SetupForm token={given} />
    </AuthShell>
  )
}
