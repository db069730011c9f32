import { getTranslations } from 'next-intl/server'
import { type ReactNode, Suspense } from 'react'
import { cx } from '#components/ui/cx.ts'
import { Page } from '#components/ui/page.tsx'
import { NotPermitted, SkeletonRows } from '#components/ui/states.tsx'
import { AUDIT_ACTIONS } from '#protocol/audit/actions.ts'
import { getNamesShown, listAuditViews, searchAudit } from '#server/audit/queries.ts'
import type { NamesShown, SavedView } from '#server/audit/schema.ts'
import { pageSignedIn } from '#server/http/session.ts'
import type { PersonActor } from '#server/kernel/actor.ts'
import { now } from '#server/kernel/clock.ts'
import { isAppError } from '#server/kernel/errors.ts'
import type { LogAsk } from '../_log-session.ts'
import { type RowsPage, toRowsPage } from '../_rows.ts'
import { ExportButton } from '../exports/_components/export-button.tsx'
import { ImportLink } from '../import/_components/import-link.tsx'
import { type AuditParams, auditHref, rangeOf } from '../search-params.ts'
import { Builder } from './builder.tsx'
import { EventDetail } from './event-detail.tsx'
import { FacetColumn } from './facet-column.tsx'
import { CountedSearch } from './figures.tsx'
import { Fold } from './fold.tsx'
import { HistogramCard } from './histogram-card.tsx'
import { LinkMenu } from './link-menu.tsx'
import { LogBadge } from './log-badge.tsx'
import { LogResults } from './log-results.tsx'
import { Meaning } from './meaning.tsx'
import { NamesBar } from './names-bar.tsx'
import { QueryBar } from './query-bar.tsx'
import { Questions } from './questions.tsx'
import { readMeaning } from './read-meaning.ts'
import { SearchesLink } from './searches-link.tsx'
import { ViewsMenu } from './views-menu.tsx'
import { WrongTimes } from './wrong-times.tsx'

/** Searches write entries themselves: a page that listened to those would draw itself again for nothing. */
const TOPICS = [...new Set(AUDIT_ACTIONS.map((action) => action.slice(0, action.indexOf('.'))))].filter(
  (noun) => noun !== 'audit',
)
const LIVE_URL = `/api/live?topics=${TOPICS.join(',')}`

/** Enough for the first screen; the list asks for the rest. */
const FIRST_ROWS = 24

/** The log: what is asked, when it happened, how often, which events, and one of them beside the list. */
export async function AuditView({ params, eventId }: { params: AuditParams; eventId: string | null }) {
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
  const order = params.sort === 'time' ? ('oldest' as const) : ('newest' as const)
  const ask: LogAsk = { q: params.q, ...rangeOf(params, now()), order }
  const [meaning, views, shown] = await Promise.all([
    readMeaning(actor, params.q),
    listAuditViews(actor, {}),
    getNamesShown(actor, {}),
  ])
  const name = JSON.stringify([
    actor.tenantId,
    actor.personId,
    ask.q,
    params.last,
    params.from,
    params.to,
    order,
    shown,
  ])
  return (
    <Page
      crumbs={crumbs}
      title={<span className="max-sm:sr-only">{t('title')}</span>}
      sub={<span className="max-sm:hidden">{t('sub')}</span>}
      actions={
        <>
          <Suspense>
            <LogBadge actor={actor} />
          </Suspense>
          <Actions actor={actor} params={params} views={views} className={cx(eventId && 'max-lg:hidden')} />
        </>
      }
    >
      <div className="group/log">
        <div className={cx(eventId && 'max-lg:hidden')}>
          <Asked params={params} meaning={meaning} shown={shown} />
        </div>
        {'described' in meaning && !params.wrong && (
          <Found key={name} name={name} actor={actor} ask={ask} params={params} eventId={eventId} shown={shown} />
        )}
      </div>
    </Page>
  )
}

type FoundProps = {
  name: string
  actor: PersonActor
  ask: LogAsk
  params: AuditParams
  eventId: string | null
  shown: NamesShown
}

/** What the search finds: when and what of it there is most, the list, and an event beside it. */
function Found({ name, actor, ask, params, eventId, shown }: FoundProps) {
  return (
    <CountedSearch name={name} ask={ask}>
      <div className={eventId ? 'max-lg:hidden' : 'max-sm:hidden group-has-[[data-fold=figures][open]]/log:block'}>
        <HistogramCard params={params} />
      </div>
      <Columns hasEvent={eventId !== null}>
        <div
          className={cx(
            'min-w-0',
            eventId ? 'max-xl:hidden' : 'max-lg:hidden group-has-[[data-fold=figures][open]]/log:block',
          )}
        >
          <FacetColumn params={params} />
        </div>
        <div className={cx('min-w-0', eventId && 'max-lg:hidden')}>
          <Suspense key={name} fallback={<SkeletonRows rows={14} />}>
            <LogResults
              sessionKey={name}
              ask={ask}
              params={params}
              // Beside an event the list is there already, or comes after it.
              first={eventId ? null : firstPage(actor, ask)}
              firstLimit={FIRST_ROWS}
              selectedId={eventId}
              liveUrl={LIVE_URL}
            />
          </Suspense>
        </div>
        {eventId && (
          <div className="min-w-0 lg:sticky lg:top-[60px] lg:max-h-[calc(100dvh-72px)] lg:overflow-y-auto">
            <Suspense key={`${eventId} ${shown.state}`} fallback={<SkeletonRows rows={8} />}>
              <EventDetail actor={actor} ask={ask} params={params} eventId={eventId} shown={shown} />
            </Suspense>
          </div>
        )}
      </Columns>
    </CountedSearch>
  )
}

type ActionsProps = { actor: PersonActor; params: AuditParams; views: readonly SavedView[]; className: string }

function Actions({ actor, params, views, className }: ActionsProps) {
  return (
    <span className={cx('flex flex-wrap gap-2', className)}>
      <ViewsMenu views={views} params={params} canRemoveShared={actor.permissions.has('admin')} />
      <LinkMenu params={params} />
      <ImportLink actor={actor} />
      <ExportButton
        ask={{ q: params.q, ...rangeOf(params, now()) }}
        canExport={actor.permissions.has('audit:export') && !params.wrong}
      />
    </span>
  )
}

type AskedProps = { params: AuditParams; meaning: Awaited<ReturnType<typeof readMeaning>>; shown: NamesShown }

/** The question: by form, as a query, in words, and what is wrong with it. */
async function Asked({ params, meaning, shown }: AskedProps) {
  const t = await getTranslations('audit')
  return (
    <>
      <Fold key={auditHref(params)} name="asks" className="mb-2 sm:hidden">
        {t('questions.open')}
      </Fold>
      <Questions params={params} />
      <NamesBar shown={shown} unanswered={'unanswered' in meaning ? meaning.unanswered : []} />
      <QueryBar params={params} mistake={'mistake' in meaning ? meaning.mistake : null} />
      {params.wrong && <WrongTimes params={params} wrong={params.wrong} />}
      {'described' in meaning && (
        <div className="mt-1.5 mb-2 flex flex-wrap items-baseline gap-x-4 max-sm:mb-0">
          <Meaning described={meaning.described}>
            {meaning.leavesOutSearches && <SearchesLink params={params} />}
          </Meaning>
          <Builder params={params} />
          {!params.wrong && (
            <Fold key={auditHref(params)} name="figures" className="ml-auto lg:hidden">
              {t('figures')}
            </Fold>
          )}
        </div>
      )}
    </>
  )
}

async function firstPage(actor: PersonActor, ask: LogAsk): Promise<RowsPage | 'slow'> {
  try {
    return toRowsPage(await searchAudit(actor, { ...ask, limit: FIRST_ROWS }))
  } catch (error) {
    if (isAppError(error) && error.code === 'unavailable') return 'slow'
    throw error
  }
}

function Columns({ hasEvent, children }: { hasEvent: boolean; children: ReactNode }) {
  return (
    <div
      className={cx(
        'mt-3 grid items-start gap-4',
        hasEvent
          ? 'lg:grid-cols-[minmax(0,1fr)_304px] xl:grid-cols-[156px_minmax(0,1fr)_304px]'
          : 'lg:grid-cols-[156px_minmax(0,1fr)] min-[1440px]:grid-cols-[176px_minmax(0,1fr)]',
      )}
    >
      {children}
    </div>
  )
}
