import type { Metadata } from 'next'
import { redirect } from 'next/navigation'
import { getTranslations } from 'next-intl/server'
import { AuthShell } from '#components/shell/auth-shell.tsx'
import { Link } from '#components/ui/link.tsx'
import { localPath } from '#server/http/client.ts'
import { signedIn } from '#server/http/session.ts'
import { SignInForm } from '../_components/sign-in-form.tsx'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('auth'))('signIn.title') }
}

type Props = { searchParams: Promise<{ next?: string | string[]; add?: string; again?: string }> }

/** `?add=1` signs in to another organisation beside the present one; `?again=1` gives the password once more. */
export default async function SignInPage({ searchParams }: Props) {
  const { next, add, again } = await searchParams
  const target = localPath(typeof next === 'string' ? next : null) ?? '/'
  const present = await signedIn()
  if (present?.actor.sessionState === 'active' && !add && !again) redirect(target)
  const t = await getTranslations('auth')
  const introOf = () => {
    if (again) return t('signIn.again')
    return add && present ? t('signIn.add', { organisation: present.organisation.name }) : undefined
  }
  return (
    <AuthShell
      title={t('signIn.title')}
      intro={introOf()}
      foot={
        <>
          {t('signIn.lost')}{' '}
          {target !== '/lost' && (
            <Link href="/sign-in?next=/lost" className="underline">
              {t('signIn.lostPhone')}
            </Link>
          )}
        </>
      }
    >
      <SignInForm next={target} />
    </AuthShell>
  )
}
