import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import { LiveRefresh } from '#components/shell/live-refresh.tsx'
import { FilterBar, NoMatch } from '#components/table/filter-bar.tsx'
import { Page } from '#components/ui/page.tsx'
import { EmptyState, NotPermitted } from '#components/ui/states.tsx'
import type { PageParams } from '#lib/search-params.ts'
import { listWipes } from '#server/devices/queries.ts'
import { WIPE_STATES } from '#server/devices/schema.ts'
import { pageSignedIn } from '#server/http/session.ts'
import { WipeTable } from './_components/wipe-table.tsx'
import { wipeParams } from './search-params.ts'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('wipe'))('title') }
}

export default async function WipesPage({ searchParams }: { searchParams: Promise<PageParams> }) {
  const t = await getTranslations('wipe')
  const { actor, organisation } = await pageSignedIn()
  const crumbs = [{ label: organisation.name }, { label: t('title') }]
  if (!actor.permissions.has('devices:read')) {
    return (
      <Page crumbs={crumbs}>
        <NotPermitted permission="devices:read" />
      </Page>
    )
  }
  const input = wipeParams(await searchParams)
  const page = await listWipes(actor, input)
  const states = (['open', ...WIPE_STATES] as const).map((value) => ({ value, label: t(`state.${value}`) }))
  const isFiltered = Object.values(input).some(Boolean)
  return (
    <Page crumbs={crumbs} title={t('title')} sub={t('sub')}>
      <LiveRefresh url="/api/live?topics=device,wipe,brake" />
      <FilterBar filters={[{ param: 'state', label: t('column.state'), options: states }]} />
      <WipeTable
        rows={page.items}
        pager={{ nextCursor: page.nextCursor }}
        empty={isFiltered ? <NoMatch clearHref="/wipes" /> : <EmptyState title={t('empty')} text={t('emptyText')} />}
      />
    </Page>
  )
}
