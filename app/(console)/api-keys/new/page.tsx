import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import { Page } from '#components/ui/page.tsx'
import { NotPermitted } from '#components/ui/states.tsx'
import { pageSignedIn } from '#server/http/session.ts'
import { KeyForm } from '../_components/key-form.tsx'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('keys'))('new.title') }
}

export default async function NewApiKeyPage() {
  const t = await getTranslations('keys')
  const { actor, organisation } = await pageSignedIn()
  const crumbs = [{ label: organisation.name }, { label: t('title'), href: '/api-keys' }, { label: t('new.title') }]
  return (
    <Page crumbs={crumbs} title={t('new.title')} sub={t('new.sub')} width="narrow">
      {actor.permissions.has('admin') ? (
        <KeyForm scopes={[...actor.permissions]} />
      ) : (
        <NotPermitted permission="admin" />
      )}
    </Page>
  )
}
