import type { Metadata } from 'next'
import { redirect } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { AuthShell } from '#components/shell/auth-shell.tsx'
import { localPath } from '#server/http/client.ts'
import { signedIn } from '#server/http/session.ts'
import { FactorForm } from '../../_components/factor-form.tsx'
import { OtherAccount } from '../../_components/other-account.tsx'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('auth'))('factor.title') }
}

type Props = { searchParams: Promise<{ next?: string | string[] }> }

export default async function FactorPage({ searchParams }: Props) {
  const { next } = await searchParams
  const target = localPath(typeof next === 'string' ? next : null) ?? '/'
  const present = await signedIn()
  if (!present) redirect('/sign-in')
  if (present.actor.sessionState !== 'second_factor') redirect(target)
  const t = await getTranslations('auth')
  return (
    <AuthShell
      title={t('factor.title')}
      intro={t('factor.intro', { email: present.actor.email, organisation: present.organisation.name })}
      foot={<OtherAccount />}
    >
      <FactorForm next={target} />
    </AuthShell>
  )
}
