import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import { LiveRefresh } from '#components/shell/live-refresh.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { Page } from '#components/ui/page.tsx'
import { NotPermitted } from '#components/ui/states.tsx'
import { pageSignedIn } from '#server/http/session.ts'
import { listApiKeys } from '#server/identity/queries.ts'
import { KeysTable } from './_components/keys-table.tsx'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('keys'))('title') }
}

export default async function ApiKeysPage() {
  const t = await getTranslations('keys')
  const { actor, organisation } = await pageSignedIn()
  const crumbs = [{ label: organisation.name }, { label: t('title') }]
  if (!actor.permissions.has('admin')) {
    return (
      <Page crumbs={crumbs}>
        <NotPermitted permission="admin" />
      </Page>
    )
  }
  const create = (
    <ButtonLink href="/api-keys/new" variant="primary">
      {t('new.title')}
    </ButtonLink>
  )
  return (
    <Page crumbs={crumbs} title={t('title')} sub={t('sub')} actions={create}>
      <LiveRefresh url="/api/live?topics=api_key" />
      <KeysTable keys={await listApiKeys(actor, {})} />
    </Page>
  )
}
