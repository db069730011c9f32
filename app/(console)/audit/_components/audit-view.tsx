import { getTranslations } from 'next-intl/server'
import { type ReactNode, Suspense } from 'react'
import { LiveRefresh } from '#components/shell/live-refresh.tsx'
import { cx } from '#components/ui/cx.ts'
import { Page } from '#components/ui/page.tsx'
import { NotPermitted, Skeleton, SkeletonRows } from '#components/ui/states.tsx'
import { AUDIT_ACTIONS } from '#protocol/audit/actions.ts'
import { pageSignedIn } from '#server/http/session.ts'
import { now } from '#server/kernel/clock.ts'
import { type AuditParams, auditHref, rangeOf } from '../search-params.ts'
import { Builder } from './builder.tsx'
import { EventDetail } from './event-detail.tsx'
import { EventList } from './event-list.tsx'
import { FacetColumn } from './facet-column.tsx'
import { HistogramCard } from './histogram-card.tsx'
import { LogBadge } from './log-badge.tsx'
import { Meaning } from './meaning.tsx'
import { QueryBar } from './query-bar.tsx'
import { Questions } from './questions.tsx'
import { readMeaning } from './read-meaning.ts'

/** Searches write entries themselves: a page that listened to those would draw itself again for nothing. */
const TOPICS = [...new Set(AUDIT_ACTIONS.map((action) => action.slice(0, action.indexOf('.'))))].filter(
  (noun) => noun !== 'audit',
)

/** The log: what is asked, when it happened, how often, which events, and one of them beside the list. */
export async function AuditView({ params, eventId }: { params: AuditParams; eventId?: string }) {
  const t = await getTranslations('audit')
  const { actor, organisation } = await pageSignedIn()
  const list = { label: t('title'), href: auditHref(params) }
  const crumbs = [{ label: organisation.name }, list, ...(eventId ? [{ label: t('event.title') }] : [])]
  if (!actor.permissions.has('audit:read')) {
    return (
      <Page crumbs={crumbs}>
        <NotPermitted permission="audit:read" />
      </Page>
    )
  }
  const ask = { q: params.q, ...rangeOf(params, now()) }
  const meaning = await readMeaning(actor, params.q)
  const key = JSON.stringify([ask.q, params.last, params.from, params.to, params.sort, params.cursor])
  return (
    <Page
      crumbs={crumbs}
      title={t('title')}
      sub={t('sub')}
      actions={
        <Suspense>
          <LogBadge actor={actor} />
        </Suspense>
      }
    >
      {!params.cursor && <LiveRefresh url={`/api/live?topics=${TOPICS.join(',')}`} />}
      <div className={cx(eventId && 'max-lg:hidden')}>
        <Questions params={params} />
        <QueryBar params={params} mistake={'mistake' in meaning ? meaning.mistake : null} />
        {'described' in meaning && (
          <>
            <div className="mt-1.5 mb-2 flex flex-wrap items-baseline gap-x-4">
              <Meaning described={meaning.described} />
              <Builder params={params} />
            </div>
            <Suspense key={`h${key}`} fallback={<Skeleton className="h-[104px]" />}>
              <HistogramCard actor={actor} ask={ask} params={params} />
            </Suspense>
          </>
        )}
      </div>
      {'described' in meaning && (
        <Columns eventId={eventId}>
          <div className={cx('min-w-0', eventId ? 'max-xl:hidden' : 'max-lg:order-2')}>
            <Suspense key={`f${key}`} fallback={<SkeletonRows rows={6} />}>
              <FacetColumn actor={actor} ask={ask} params={params} />
            </Suspense>
          </div>
          <div className={cx('min-w-0', eventId && 'max-lg:hidden')}>
            <Suspense key={`l${key}`} fallback={<SkeletonRows rows={14} />}>
              <EventList actor={actor} ask={ask} params={params} selectedId={eventId ?? null} />
            </Suspense>
          </div>
          {eventId && (
            <Suspense key={eventId} fallback={<SkeletonRows rows={8} />}>
              <EventDetail actor={actor} ask={ask} params={params} eventId={eventId} />
            </Suspense>
          )}
        </Columns>
      )}
    </Page>
  )
}

function Columns({ eventId, children }: { eventId: string | undefined; children: ReactNode }) {
  return (
    <div
      className={cx(
        'mt-3 grid items-start gap-4',
        eventId
          ? 'lg:grid-cols-[minmax(0,1fr)_304px] xl:grid-cols-[156px_minmax(0,1fr)_304px]'
          : 'lg:grid-cols-[156px_minmax(0,1fr)]',
      )}
    >
      {children}
    </div>
  )
}
