import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import { LiveRefresh } from '#components/shell/live-refresh.tsx'
import { FilterBar, NoMatch } from '#components/table/filter-bar.tsx'
import { parseSort } from '#components/table/list-url.ts'
import { ButtonLink } from '#components/ui/link.tsx'
import { Page } from '#components/ui/page.tsx'
import { EmptyState, NotPermitted } from '#components/ui/states.tsx'
import type { PageParams } from '#lib/search-params.ts'
import { listFiles } from '#server/content/queries.ts'
import { FILE_STATUSES } from '#server/content/schema.ts'
import { pageSignedIn } from '#server/http/session.ts'
import { FilesTable } from './_components/files-table.tsx'
import { filesParams } from './search-params.ts'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('files'))('title') }
}

export default async function FilesPage({ searchParams }: { searchParams: Promise<PageParams> }) {
  const t = await getTranslations('files')
  const { actor, organisation } = await pageSignedIn()
  const crumbs = [{ label: organisation.name }, { label: t('title') }]
  if (!actor.permissions.has('content:read')) {
    return (
      <Page crumbs={crumbs}>
        <NotPermitted permission="content:read" />
      </Page>
    )
  }
  const params = filesParams(await searchParams)
  const page = await listFiles(actor, params)
  const isFiltered = Boolean(params.q || params.label || params.person || params.status || params.cursor)
  const publish = actor.permissions.has('content:write') && (
    <ButtonLink href="/files/new" variant="primary">
      {t('publish')}
    </ButtonLink>
  )
  return (
    <Page crumbs={crumbs} title={t('title')} sub={t('sub')} actions={publish || undefined}>
      <LiveRefresh url="/api/live?topics=file" />
      <FilterBar
        text={{ param: 'q', label: t('filter.q') }}
        filters={[
          {
            param: 'status',
            label: t('column.status'),
            options: FILE_STATUSES.map((value) => ({ value, label: t(`status.${value}`) })),
          },
        ]}
      />
      <FilesTable
        rows={page.items}
        sort={parseSort(params.sort ?? '-created')}
        pager={{ nextCursor: page.nextCursor, total: page.total }}
        empty={
          isFiltered ? (
            <NoMatch clearHref="/files" />
          ) : (
            <EmptyState title={t('empty')} text={t('emptyText')} action={publish || undefined} />
          )
        }
      />
    </Page>
  )
}
