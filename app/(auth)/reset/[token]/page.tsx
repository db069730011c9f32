import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import { AuthShell } from '#components/shell/auth-shell.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { AcceptForm } from '../../_components/accept-form.tsx'
import { openLink } from '../../_components/open-link.ts'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('auth'))('reset.title'), referrer: 'no-referrer' }
}

/** Where the link of a password reset leads. The second factor is asked for as ever. */
export default async function ResetPage({ params }: { params: Promise<{ token: string }> }) {
  const { token } = await params
  const [link, t] = await Promise.all([openLink(token, 'reset'), getTranslations('auth')])
  return (
    <AuthShell
      title={t('reset.title')}
      intro={link ? t('reset.intro', { organisation: link.organisation }) : undefined}
    >
      {link ? (
        <AcceptForm token={token} email={link.email} purpose="reset" />
      ) : (
        <Notice tone="warn">{t('reset.gone')}</Notice>
      )}
    </AuthShell>
  )
}
