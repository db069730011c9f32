'use client'

import { useTranslations } from 'next-intl'
import { type CSSProperties, use, useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react'
import { NoMatch } from '#components/table/filter-bar.tsx'
import { Button } from '#components/ui/button.tsx'
import { Card } from '#components/ui/card.tsx'
import { EmptyState, ErrorState, SkeletonRows } from '#components/ui/states.tsx'
import { Time, ZoneName } from '#components/ui/time.tsx'
import { type ColumnName, FEW_COLUMNS, USUAL_COLUMNS } from '../_columns.ts'
import type { LogAsk, LogSession, LogState } from '../_log-session.ts'
import { keptSession, startSession } from '../_log-sessions.ts'
import type { RowsPage } from '../_rows.ts'
import { type AuditParams, auditHref } from '../search-params.ts'
import { cellClass } from './event-line.tsx'
import { EventLines } from './event-lines.tsx'
import { useFreshFigures } from './figures.tsx'
import { ListBar, Waiting } from './list-bar.tsx'
import { useLiveTail } from './live-tail.ts'
import { SortLink } from './sort-link.tsx'

type Props = {
  /** Names the search; the same name later is the same search going on. */
  sessionKey: string
  ask: LogAsk
  params: AuditParams
  /** Its first page; null beside an event, where the list asks for itself. */
  first: Promise<RowsPage | 'slow'> | null
  firstLimit: number
  selectedId: string | null
  liveUrl: string
}

const WIDTHS: Record<ColumnName, string> = {
  time: '168px',
  actor: 'minmax(0,1.1fr)',
  action: 'minmax(0,1.2fr)',
  target: 'minmax(0,1.4fr)',
  device: 'minmax(0,1fr)',
  // Two lines hold all that is true of an attempt.
  result: 'minmax(132px,1fr)',
  known: 'minmax(0,1.1fr)',
  labels: 'minmax(0,1fr)',
  policy: 'minmax(0,.9fr)',
  address: 'minmax(0,.9fr)',
  reason: 'minmax(0,1.2fr)',
  recorded: '168px',
}
const SHORT_RESULT = '92px'

/** The events of a search: an endless list that goes on by itself, and what the newest of them add to it. */
export function LogResults({ sessionKey, ask, params, first, firstLimit, selectedId, liveUrl }: Props) {
  const session = useSession({ sessionKey, ask, first, firstLimit })
  const state = useSyncExternalStore(session.subscribe, session.getState, session.getState)
  const [isFocused, setFocused] = useState(false)
  const live = useLiveTail({ session, url: liveUrl, isOffered: ask.order === 'newest', isReading: isFocused })
  const columns = selectedId ? FEW_COLUMNS : (params.cols ?? USUAL_COLUMNS)
  useScrollBack(session, selectedId)
  useFreshFigures(state.rows[0]?.index)
  return (
    <div className="relative">
      <ListBar session={session} state={state} params={params} ask={ask} live={live} />
      <Waiting session={session} state={state} live={live} />
      <Lines
        state={state}
        session={session}
        columns={columns}
        params={params}
        selectedId={selectedId}
        setFocused={setFocused}
      />
      <Foot state={state} order={ask.order} />
    </div>
  )
}

/** The search that goes on under this name, else a new one that begins with what the server has drawn. */
function useSession({
  sessionKey,
  ask,
  first,
  firstLimit,
}: Pick<Props, 'sessionKey' | 'ask' | 'first' | 'firstLimit'>) {
  const [held, hold] = useState(() => keptSession(sessionKey))
  let session = held
  if (!session) {
    const drawn = first && use(first)
    session = startSession(sessionKey, ask, drawn === 'slow' ? null : drawn, firstLimit)
    hold(session)
  }
  const here = session
  // Each time the server has drawn the page anew something may have happened.
  // biome-ignore lint/correctness/useExhaustiveDependencies: `first` says that it has
  useEffect(() => {
    if (here.getState().status === 'searching') here.goOn()
    else void here.catchUp()
  }, [here, first])
  return here
}

type LinesProps = {
  state: LogState
  session: LogSession
  columns: readonly ColumnName[]
  params: AuditParams
  selectedId: string | null
  setFocused: (isWithin: boolean) => void
}

function Lines({ state, session, columns, params, selectedId, setFocused }: LinesProps) {
  const t = useTranslations('audit')
  const more = useCallback(() => session.more(), [session])
  if (state.rows.length === 0) return <NoLines state={state} session={session} params={params} />
  const count = state.status === 'done' ? state.rows.length + 1 : -1
  return (
    <Card>
      {/* biome-ignore lint/a11y/useSemanticElements: of ten thousand rows only those on the screen exist, which a table cannot say */}
      <div
        role="table"
        aria-label={t('title')}
        aria-rowcount={count}
        aria-busy={state.status === 'searching'}
        style={
          {
            '--all': template(columns, selectedId !== null),
            '--few': template(
              columns.filter((name) => FEW_COLUMNS.includes(name)),
              selectedId !== null,
            ),
          } as CSSProperties
        }
      >
        <Heads columns={columns} sort={params.sort} />
        <EventLines
          rows={state.rows}
          columns={columns}
          selectedId={selectedId}
          isShort={selectedId !== null}
          hrefSuffix={auditHref(params).slice('/audit'.length)}
          onNearEnd={more}
          onOpen={() => {
            session.scrollY = window.scrollY
          }}
          onFocusWithin={setFocused}
        />
      </div>
    </Card>
  )
}

function template(columns: readonly ColumnName[], isShort: boolean): string {
  return columns.map((name) => (name === 'result' && isShort ? SHORT_RESULT : WIDTHS[name])).join(' ')
}

function Heads({ columns, sort }: { columns: readonly ColumnName[]; sort: AuditParams['sort'] }) {
  const t = useTranslations('audit')
  return (
    // biome-ignore lint/a11y/useSemanticElements: as the table around
    <div role="rowgroup" className="sticky top-12 z-5 rounded-t-card bg-surface max-sm:hidden">
      {/* biome-ignore lint/a11y/useSemanticElements: as the table around */}
      {/* biome-ignore lint/a11y/useFocusableInteractive: nothing happens on a row of heads */}
      <div role="row" aria-rowindex={1} className="log-line text-tiny leading-5 font-medium text-ink-3">
        {columns.map((name) => (
          // biome-ignore lint/a11y/useSemanticElements: as the table around
          // biome-ignore lint/a11y/useFocusableInteractive: its link has the focus
          <div
            key={name}
            role="columnheader"
            aria-sort={name === 'time' ? (sort === 'time' ? 'ascending' : 'descending') : undefined}
            className={`${cellClass(name)} py-[7px]`}
          >
            {name === 'time' ? (
              <SortLink sort={sort}>
                {t('column.time')} <ZoneName at={new Date()} />
              </SortLink>
            ) : (
              t(`column.${name}`)
            )}
          </div>
        ))}
      </div>
    </div>
  )
}

/** Nothing found, nothing yet, nothing there or no answer: five different screens. */
function NoLines({ state, session, params }: Pick<LinesProps, 'state' | 'session' | 'params'>) {
  const t = useTranslations('audit')
  const common = useTranslations('common')
  const again = <Button onClick={session.goOn}>{common('retry')}</Button>
  const isNarrowed = Boolean(params.q || params.last || params.from || params.to)
  switch (state.status) {
    case 'searching':
      return <SkeletonRows rows={14} />
    case 'slow':
      return (
        <Card>
          <ErrorState title={t('list.slow')} text={t('list.slowText')} action={again} />
        </Card>
      )
    case 'failed':
      return (
        <Card>
          <ErrorState action={again} />
        </Card>
      )
    case 'stopped':
      return (
        <Card>
          <EmptyState title={t('list.stoppedEmpty')} text={t('list.stoppedEmptyText')} />
        </Card>
      )
    default:
      return (
        <Card>
          {isNarrowed ? (
            <NoMatch clearHref="/audit" text={t('list.noMatchText')} />
          ) : (
            <EmptyState title={t('list.empty')} text={t('list.emptyText')} />
          )}
        </Card>
      )
  }
}

/** How far the answer reaches, once it has come to its end: back to a moment, or oldest first up to one. */
function Foot({ state, order }: { state: LogState; order: LogAsk['order'] }) {
  const t = useTranslations('audit')
  const { status, searchedBackTo } = state
  if (status !== 'done' || !searchedBackTo) return null
  return (
    <p className="mt-1 text-ink-3">
      {t.rich(order === 'newest' ? 'list.searchedTo' : 'list.searchedUpTo', {
        at: () => <Time value={searchedBackTo} />,
      })}
    </p>
  )
}

/** On a narrow screen an event takes the list's place: whoever closes it stands where they were. */
function useScrollBack(session: LogSession, selectedId: string | null) {
  const before = useRef(selectedId)
  useEffect(() => {
    const isChange = (before.current === null) !== (selectedId === null)
    before.current = selectedId
    if (isChange && window.innerWidth < 1024) window.scrollTo({ top: selectedId ? 0 : session.scrollY })
  }, [session, selectedId])
}
