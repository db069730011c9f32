import { getTranslations } from 'next-intl/server'
import { Notice } from '#components/ui/notice.tsx'
import { Page } from '#components/ui/page.tsx'
import { pageSignedIn } from '#server/http/session.ts'
import { personOr404 } from '../_person.ts'
import { ResetFactorForm } from './reset-factor-form.tsx'
import { ResetPasswordForm } from './reset-password-form.tsx'

const RESETS = {
  factor: { act: 'act.resetFactor', title: 'resetOf', text: 'resetText', Form: ResetFactorForm },
  password: { act: 'act.resetPassword', title: 'passwordOf', text: 'passwordText', Form: ResetPasswordForm },
} as const

type Props = { params: Promise<{ id: string }>; what: keyof typeof RESETS }

/** The page that takes away what somebody signs in with: what it means, and a second factor for it. */
export async function ResetPage({ params, what }: Props) {
  const t = await getTranslations('people')
  const [{ actor, organisation }, { id }] = await Promise.all([pageSignedIn(), params])
  const person = await personOr404(actor, id)
  const { act, title, text, Form } = RESETS[what]
  const crumbs = [
    { label: organisation.name },
    { label: t('title'), href: '/people' },
    { label: person.name, href: `/people/${id}` },
    { label: t(act) },
  ]
  return (
    <Page crumbs={crumbs} title={t(title, { name: person.name })} width="narrow">
      <Notice className="mb-4">{t(text)}</Notice>
      <Form id={id} />
    </Page>
  )
}
