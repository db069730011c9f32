import { getTranslations } from 'next-intl/server'
import { Notice } from '#components/ui/notice.tsx'
import { Page } from '#components/ui/page.tsx'
import { pageSignedIn } from '#server/http/session.ts'
import { ResetPasswordForm } from '../../_components/reset-password-form.tsx'
import { personOr404 } from '../../_person.ts'

export default async function ResetPasswordPage({ params }: { params: Promise<{ id: string }> }) {
  const t = await getTranslations('people')
  const [{ actor, organisation }, { id }] = await Promise.all([pageSignedIn(), params])
  const person = await personOr404(actor, id)
  const crumbs = [
    { label: organisation.name },
    { label: t('title'), href: '/people' },
    { label: person.name, href: `/people/${id}` },
    { label: t('act.resetPassword') },
  ]
  return (
    <Page crumbs={crumbs} title={t('passwordOf', { name: person.name })} width="narrow">
      <Notice className="mb-4">{t('passwordText')}</Notice>
      <ResetPasswordForm id={id} />
    </Page>
  )
}
