import { getTranslations } from 'next-intl/server'
import { FilterBar, NoMatch } from '#components/table/filter-bar.tsx'
import { parseSort } from '#components/table/list-url.ts'
import { ButtonLink } from '#components/ui/link.tsx'
import { EmptyState } from '#components/ui/states.tsx'
import type { PageParams } from '#lib/search-params.ts'
import { listDevices } from '#server/devices/queries.ts'
import { COMPLETENESS, DEVICE_STATUSES, PLATFORMS } from '#server/devices/schema.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { deviceParams, listQuery } from '../search-params.ts'
import { DeviceTable } from './device-table.tsx'

type Props = { actor: PersonActor; params: PageParams; selectedId?: string }

/** The list with its filters, alone or with a detail beside it. */
export async function DeviceList({ actor, params, selectedId }: Props) {
  const t = await getTranslations('devices')
  const input = deviceParams(params)
  const page = await listDevices(actor, input)
  const { sort = '-lastSeen', ...filters } = input
  const isFiltered = Object.values(filters).some(Boolean)
  return (
    <>
      <FilterBar
        text={{ param: 'q', label: t('filter.q') }}
        filters={[
          {
            param: 'status',
            label: t('column.status'),
            options: DEVICE_STATUSES.map((value) => ({ value, label: t(`status.${value}`) })),
          },
          {
            param: 'platform',
            label: t('column.platform'),
            options: PLATFORMS.map((value) => ({ value, label: t(`platform.${value}`) })),
          },
          {
            param: 'completeness',
            label: t('completeness.title'),
            options: COMPLETENESS.map((value) => ({ value, label: t(`completeness.filter.${value}`) })),
          },
        ]}
      />
      <DeviceTable
        rows={page.items}
        query={listQuery(params)}
        sort={parseSort(sort)}
        selectedId={selectedId ?? null}
        pager={{ nextCursor: page.nextCursor, total: page.total }}
        empty={
          isFiltered ? (
            <NoMatch clearHref="/devices" />
          ) : (
            <NoDevices canEnrol={actor.permissions.has('devices:write')} />
          )
        }
      />
    </>
  )
}

async function NoDevices({ canEnrol }: { canEnrol: boolean }) {
  const t = await getTranslations('devices')
  const action = canEnrol ? (
    <ButtonLink href="/devices/new" variant="primary">
      {t('enrol.open')}
    </ButtonLink>
  ) : undefined
  return <EmptyState title={t('empty')} text={t('emptyText')} action={action} />
}
