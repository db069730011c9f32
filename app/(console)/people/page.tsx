import type { Metadata } from 'next'
import { getTranslations } from 'next-intl/server'
import { LiveRefresh } from '#components/shell/live-refresh.tsx'
import { FilterBar, NoMatch } from '#components/table/filter-bar.tsx'
import { parseSort } from '#components/table/list-url.ts'
import { ButtonLink } from '#components/ui/link.tsx'
import { Page } from '#components/ui/page.tsx'
import { EmptyState, NotPermitted } from '#components/ui/states.tsx'
import type { PageParams } from '#lib/search-params.ts'
import { pageSignedIn } from '#server/http/session.ts'
import { peopleWithFactor } from '#server/identity/queries.ts'
import { listPeople } from '#server/people/queries.ts'
import { PERSON_STATUSES, ROLES } from '#server/people/schema.ts'
import { PeopleTable } from './_components/people-table.tsx'
import { peopleParams } from './search-params.ts'

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations('people'))('title') }
}

export default async function PeoplePage({ searchParams }: { searchParams: Promise<PageParams> }) {
  const t = await getTranslations('people')
  const { actor, organisation } = await pageSignedIn()
  const crumbs = [{ label: organisation.name }, { label: t('title') }]
  if (!actor.permissions.has('people:read')) {
    return (
      <Page crumbs={crumbs}>
        <NotPermitted permission="people:read" />
      </Page>
    )
  }
  const params = peopleParams(await searchParams)
  const page = await listPeople(actor, params)
  const holders = new Set(await peopleWithFactor(actor, { ids: page.items.map(({ id }) => id) }))
  const isFiltered = Boolean(params.q || params.status || params.role || params.cursor)
  const invite = actor.permissions.has('people:write') && (
    <ButtonLink href="/people/new" variant="primary">
      {t('invite')}
    </ButtonLink>
  )
  return (
    <Page crumbs={crumbs} title={t('title')} sub={t('sub')} actions={invite || undefined}>
      <LiveRefresh url="/api/live?topics=person" />
      <FilterBar
        text={{ param: 'q', label: t('filter.q') }}
        filters={[
          {
            param: 'status',
            label: t('column.status'),
            options: PERSON_STATUSES.map((value) => ({ value, label: t(`status.${value}`) })),
          },
          {
            param: 'role',
            label: t('column.role'),
            options: ROLES.map((value) => ({ value, label: t(`role.${value}`) })),
          },
        ]}
      />
      <PeopleTable
        rows={page.items.map((person) => ({ ...person, hasFactor: holders.has(person.id) }))}
        sort={parseSort(params.sort ?? 'name')}
        pager={{ nextCursor: page.nextCursor, total: page.total }}
        empty={
          isFiltered ? (
            <NoMatch clearHref="/people" />
          ) : (
            <EmptyState title={t('empty')} text={t('emptyText')} action={invite || undefined} />
          )
        }
      />
    </Page>
  )
}
