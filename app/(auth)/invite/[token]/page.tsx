import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import { AuthShell } from '#components/shell/auth-shell.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { AcceptForm } from '../../_components/accept-form.tsx'
import { openLink } from '../../_components/open-link.ts'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('auth'))('invite.title'), referrer: 'no-referrer' }
}

type Props = { params: Promise<{ token: string }> }

/** Where an invitation's link leads: sets the first password. Opening it changes nothing: mail scanners open links. */
export default async function InvitePage({ params }: Props) {
  const { token } = await params
  const [invitation, t] = await Promise.all([openLink(token, 'invitation'), getTranslations('auth')])
  if (!invitation) {
    return (
      <AuthShell title={t('invite.title')}>
        <Notice tone="warn">{t('invite.gone')}</Notice>
      </AuthShell>
    )
  }
  return (
    <AuthShell
      title={t('invite.welcome', { name: invitation.name })}
      intro={t('invite.intro', { organisation: invitation.organisation })}
    >
      <AcceptForm token={token} email={invitation.email} purpose="invitation" />
    </AuthShell>
  )
}
