import { getTranslations } from 'next-intl/server'
import { Page } from '#components/ui/page.tsx'
import { pageSignedIn } from '#server/http/session.ts'
import { CodesForm } from '../_components/codes-form.tsx'

export default async function RecoveryCodesPage() {
  const t = await getTranslations('auth')
  const { organisation } = await pageSignedIn()
  const crumbs = [
    { label: organisation.name },
    { label: t('account.title'), href: '/account' },
    { label: t('account.newCodes') },
  ]
  return (
    <Page crumbs={crumbs} title={t('account.newCodes')} sub={t('account.newCodesText')} width="narrow">
      <CodesForm />
    </Page>
  )
}
