import { getTranslations } from 'next-intl/server'
import { Page } from '#components/ui/page.tsx'
import { pageSignedIn } from '#server/http/session.ts'
import { RemoveFactorForm } from '../_components/remove-factor-form.tsx'

export default async function RemoveFactorPage() {
  const t = await getTranslations('auth')
  const { organisation } = await pageSignedIn()
  const crumbs = [
    { label: organisation.name },
    { label: t('account.title'), href: '/account' },
    { label: t('account.remove') },
  ]
  return (
    <Page crumbs={crumbs} title={t('account.remove')} sub={t('account.removeText')} width="narrow">
      <RemoveFactorForm />
    </Page>
  )
}
