import { getTranslations } from 'next-intl/server'
import { NoMatch } from '#components/table/filter-bar.tsx'
import { Card } from '#components/ui/card.tsx'
import { EmptyState, ErrorState } from '#components/ui/states.tsx'
import { Time } from '#components/ui/time.tsx'
import { searchAudit } from '#server/audit/queries.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { isAppError } from '#server/kernel/errors.ts'
import { type AuditParams, auditHref } from '../search-params.ts'
import { EventTable } from './event-table.tsx'

type Props = {
  actor: PersonActor
  ask: { q: string; from?: string; to?: string }
  params: AuditParams
  selectedId: string | null
}

const LIMIT = 50

/** The events themselves, by pages, and how far back they were looked for. */
export async function EventList({ actor, ask, params, selectedId }: Props) {
  const t = await getTranslations('audit')
  const order = params.sort === 'time' ? 'oldest' : 'newest'
  const found = await searchAudit(actor, {
    ...ask,
    order,
    limit: LIMIT,
    ...(params.cursor && { cursor: params.cursor }),
  }).catch((error: unknown) => {
    if (isAppError(error) && error.code === 'unavailable') return null
    throw error
  })
  if (!found) {
    return (
      <Card>
        <ErrorState title={t('list.slow')} text={t('list.slowText')} />
      </Card>
    )
  }
  const { items, nextCursor, total, searchedBackTo } = found
  const isNarrowed = Boolean(params.q || params.last || params.from || params.to || params.cursor)
  const isUnfinished = nextCursor !== null && items.length < LIMIT
  return (
    <>
      <EventTable
        rows={items.map((event) => ({ ...event, href: auditHref(params, {}, `/audit/${event.id}`) }))}
        sort={params.sort}
        selectedId={selectedId}
        pager={{ nextCursor, total }}
        empty={
          isNarrowed ? (
            <NoMatch clearHref="/audit" text={t('list.noMatchText')} />
          ) : (
            <EmptyState title={t('list.empty')} text={t('list.emptyText')} />
          )
        }
      />
      {searchedBackTo && (isUnfinished || nextCursor === null) && (
        <p className="mt-1 text-ink-3">
          {t.rich(isUnfinished ? 'list.unfinished' : 'list.searchedTo', { at: () => <Time value={searchedBackTo} /> })}
        </p>
      )}
    </>
  )
}
