'use client'

import { useTranslations } from 'next-intl'
import { Button } from '#components/ui/button.tsx'
import { Switch } from '#components/ui/check.tsx'
import { Tag } from '#components/ui/tag.tsx'
import { Time } from '#components/ui/time.tsx'
import type { LogAsk, LogSession, LogState } from '../_log-session.ts'
import type { AuditParams } from '../search-params.ts'
import { ColumnMenu } from './column-menu.tsx'
import { useFigures } from './figures.tsx'
import type { LiveTail } from './live-tail.ts'

type Props = { session: LogSession; state: LogState; params: AuditParams; ask: LogAsk; live: LiveTail }

/** Above the list: how many there are, how far the search has come, whether it follows the log, and what it shows. */
export function ListBar({ session, state, params, ask, live }: Props) {
  return (
    <div className="flex min-h-[34px] flex-wrap items-center gap-x-4 gap-y-1 pb-1 text-ink-2">
      <Count state={state} />
      <Progress session={session} state={state} ask={ask} />
      <div className="ml-auto flex items-center gap-4">
        <LiveSwitch live={live} />
        <span className="max-sm:hidden">
          <ColumnMenu params={params} />
        </span>
      </div>
    </div>
  )
}

function Count({ state: { rows, total } }: { state: LogState }) {
  const t = useTranslations('common')
  if (!total || rows.length === 0) return null
  const words = total.capped ? 'table.totalCapped' : 'table.total'
  return (
    <p>
      {/* A total that was counted for a moment only cannot be less than what stands here. */}
      {t('table.shown', { count: rows.length })} · {t(words, { count: Math.max(total.value, rows.length) })}
    </p>
  )
}

/** A search that takes long: how far back it has looked, and the way to stop it. What it found stays. */
function Progress({ session, state, ask }: Pick<Props, 'session' | 'state' | 'ask'>) {
  const t = useTranslations('audit')
  const common = useTranslations('common')
  const { histogram } = useFigures()
  const { status, searchedBackTo, rows } = state
  const at = () => searchedBackTo && <Time value={searchedBackTo} />
  if (status === 'searching' && searchedBackTo) {
    const share = shareOf({ searchedBackTo, ask, since: histogram === 'slow' ? undefined : histogram?.from })
    return (
      <div role="status" className="flex flex-wrap items-center gap-2">
        <span>{t.rich(ask.order === 'newest' ? 'list.unfinished' : 'list.unfinishedUp', { at })}</span>
        <progress
          aria-label={t('list.progress')}
          max={1}
          {...(share !== null && { value: share })}
          className="h-2 w-28 accent-accent"
        />
        <Button size="small" onClick={session.stop}>
          {t('list.stop')}
        </Button>
      </div>
    )
  }
  if (status === 'stopped') {
    return (
      <div role="status" className="flex flex-wrap items-center gap-2">
        <span>{searchedBackTo ? t.rich('list.stopped', { at }) : t('list.stoppedEmpty')}</span>
        <Button size="small" onClick={session.goOn}>
          {t('list.goOn')}
        </Button>
      </div>
    )
  }
  if ((status === 'failed' || status === 'slow') && rows.length > 0) {
    return (
      <div role="alert" className="flex flex-wrap items-center gap-2 text-danger">
        <span>{status === 'slow' ? t('list.slow') : t('list.failed')}</span>
        <Button size="small" onClick={session.goOn}>
          {common('retry')}
        </Button>
      </div>
    )
  }
  return null
}

type Reach = { searchedBackTo: string; ask: LogAsk; since: string | undefined }

/** How much of the asked time was looked at; null where its beginning is not known yet. */
function shareOf({ searchedBackTo, ask, since }: Reach): number | null {
  const from = ask.from ?? since
  if (!from) return null
  const [start, end, at] = [Date.parse(from), ask.to ? Date.parse(ask.to) : Date.now(), Date.parse(searchedBackTo)]
  if (end <= start) return null
  const share = ask.order === 'newest' ? (end - at) / (end - start) : (at - start) / (end - start)
  return Math.min(1, Math.max(0, share))
}

function LiveSwitch({ live }: { live: LiveTail }) {
  const t = useTranslations('audit')
  const shell = useTranslations('shell')
  if (!live.isOffered) return <span className="text-ink-3">{t('live.newestOnly')}</span>
  return (
    <span className="flex items-center gap-2">
      <span role="status">{live.isLost && <Tag tone="warn">{shell('live.lost')}</Tag>}</span>
      <Switch
        label={t('live.label')}
        checked={live.isOn}
        onChange={(event) => live.setOn(event.currentTarget.checked)}
      />
    </span>
  )
}

/** Over the list while somebody reads further down: how many came meanwhile. */
export function Waiting({ session, state: { waiting, isBehind }, live }: Pick<Props, 'session' | 'state' | 'live'>) {
  const t = useTranslations('audit')
  if (waiting.length === 0 || (live.isOn && !live.isPaused)) return null
  function show() {
    session.showWaiting()
    window.scrollTo({ top: 0 })
  }
  return (
    <div role="status" className="sticky top-14 z-20 flex h-0 justify-center">
      <Button variant="primary" onClick={show} className="absolute shadow-pop">
        {t(isBehind ? 'live.waitingMany' : 'live.waiting', { count: waiting.length })}
      </Button>
    </div>
  )
}
