import type { Metadata } from 'next'
import { redirect } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { AuthShell } from '#components/shell/auth-shell.tsx'
import { localPath } from '#server/http/client.ts'
import { signedIn } from '#server/http/session.ts'
import { getEnrolment, getFactor } from '#server/identity/queries.ts'
import { EnrolForm } from '../../_components/enrol-form.tsx'
import { OtherAccount } from '../../_components/other-account.tsx'
import { withQrCode } from '../../_components/qr-code.ts'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('auth'))('enrol.title') }
}

type Props = { searchParams: Promise<{ next?: string | string[] }> }

/** Where a person without a factor must go first, and may go at any time. After the code the same page shows the recovery codes. */
export default async function EnrolPage({ searchParams }: Props) {
  const { next } = await searchParams
  const target = localPath(typeof next === 'string' ? next : null) ?? '/'
  const present = await signedIn()
  if (!present) redirect('/sign-in')
  if (present.actor.sessionState === 'second_factor') redirect('/sign-in/factor')
  const [factor, enrolment] = await Promise.all([getFactor(present.actor, {}), getEnrolment(present.actor, {})])
  const t = await getTranslations('auth')
  return (
    <AuthShell
      title={t('enrol.title')}
      intro={t('enrol.intro', { organisation: present.organisation.name })}
      foot={<OtherAccount />}
    >
      <EnrolForm enrolment={await withQrCode(enrolment)} enrolled={factor.enrolled} next={target} />
    </AuthShell>
  )
}
