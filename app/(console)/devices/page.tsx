import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import { LiveRefresh } from '#components/shell/live-refresh.tsx'
import { ButtonLink } from '#components/ui/link.tsx'
import { Page } from '#components/ui/page.tsx'
import { NotPermitted } from '#components/ui/states.tsx'
import type { PageParams } from '#lib/search-params.ts'
import { pageSignedIn } from '#server/http/session.ts'
import { DeviceList } from './_components/device-list.tsx'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('devices'))('title') }
}

export default async function DevicesPage({ searchParams }: { searchParams: Promise<PageParams> }) {
  const t = await getTranslations('devices')
  const { actor, organisation } = await pageSignedIn()
  const enrol = actor.permissions.has('devices:write') && (
    <ButtonLink href="/devices/new" variant="primary">
      {t('enrol.open')}
    </ButtonLink>
  )
  return (
    <Page
      crumbs={[{ label: organisation.name }, { label: t('title') }]}
      title={t('title')}
      sub={t('sub')}
      actions={enrol || undefined}
    >
      <LiveRefresh url="/api/live?topics=device,presence" />
      {actor.permissions.has('devices:read') ? (
        <DeviceList actor={actor} params={await searchParams} />
      ) : (
        <NotPermitted permission="devices:read" />
      )}
    </Page>
  )
}
