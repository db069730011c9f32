import { useFormatter, useTranslations } from 'next-intl'
import { visibleText } from '#components/audit/visible-text.ts'
import { FormShell } from '#components/form/form-shell.tsx'
import { SubmitButton } from '#components/form/submit-button.tsx'
import { Button } from '#components/ui/button.tsx'
import { buttonClass } from '#components/ui/button-class.ts'
import { Card } from '#components/ui/card.tsx'
import { Link } from '#components/ui/link.tsx'
import { Tag, type Tone } from '#components/ui/tag.tsx'
import { Time } from '#components/ui/time.tsx'
import { type ExportState, type ExportView, isUnfinished } from '#server/exports/schema.ts'
import { fileSize } from '../../../files/_components/size.ts'
import { cancel } from '../actions.ts'

const TONES: Record<ExportState, Tone> = {
  queued: 'neutral',
  running: 'neutral',
  sealing: 'neutral',
  ready: 'ok',
  failed: 'danger',
  cancelled: 'neutral',
  expired: 'neutral',
}

/** One's own exports, newest first. */
export function ExportList({ exports }: { exports: readonly ExportView[] }) {
  const t = useTranslations('exports')
  return (
    <Card clip>
      <ul aria-label={t('title')}>
        {exports.map((one) => (
          <li
            key={one.id}
            className="flex flex-wrap items-start gap-x-4 gap-y-2 border-b border-line px-4 py-3 last:border-0"
          >
            <div className="min-w-0 flex-1 basis-72">
              <Question view={one} />
              <Facts view={one} />
              <Standing view={one} />
            </div>
            <Acts view={one} />
          </li>
        ))}
      </ul>
    </Card>
  )
}

function Question({ view: { q, from, to, state } }: { view: ExportView }) {
  const t = useTranslations('exports')
  const query = new URLSearchParams({ ...(q && { q }), ...(from && { from }), ...(to && { to }) })
  return (
    <p className="flex flex-wrap items-baseline gap-x-2 gap-y-1">
      <Link href={`/audit?${query}`} className={q ? 'font-mono text-mono break-all' : ''}>
        {q ? visibleText(q) : t('everything')}
      </Link>
      <Tag tone={TONES[state]}>{t(`state.${state}`)}</Tag>
    </p>
  )
}

function Facts({ view }: { view: ExportView }) {
  const t = useTranslations('exports')
  const files = useTranslations('files')
  const { from, to, sizeBytes } = view
  const size = sizeBytes === null ? null : fileSize(sizeBytes)
  return (
    <p className="mt-0.5 flex flex-wrap gap-x-3 text-ink-2">
      <span>
        {from ? <Time value={from} zone={view.timeZone} /> : t('fromStart')} –{' '}
        {to ? <Time value={to} zone={view.timeZone} /> : t('toEnd')}
      </span>
      <span>{t(`formats.${view.format}`)}</span>
      <span>{t('asOf', { size: view.asOf })}</span>
      {size && <span>{files(`size.${size.unit}`, { value: size.value })}</span>}
      {view.masked && <span>{t('masked')}</span>}
    </p>
  )
}

/** How far it is, or what became of it. */
function Standing({ view }: { view: ExportView }) {
  const t = useTranslations('exports')
  const format = useFormatter()
  const { state, progress, events, expiresAt, problem, finishedAt } = view
  const at = () => <Time value={state === 'ready' ? expiresAt : finishedAt} />
  if (state === 'failed' && problem)
    return (
      <p role="alert" className="mt-1 text-danger">
        {t(`problem.${problem.code}`, { index: problem.index ?? 0 })}
      </p>
    )
  if (isUnfinished(view))
    return (
      <div role="status" className="mt-1 flex flex-wrap items-center gap-2 text-ink-2">
        <progress aria-label={t('progress')} max={1} value={progress} className="h-2 w-40 accent-accent" />
        <span className="tabular-nums">{format.number(progress, { style: 'percent' })}</span>
        <span>{t('events', { count: events })}</span>
      </div>
    )
  return (
    <p className="mt-1 text-ink-2">
      {state === 'ready' && t.rich('readyUntil', { count: events, at })}
      {state === 'expired' && t('expiredText')}
      {state === 'cancelled' && t.rich('cancelledAt', { at })}
    </p>
  )
}

function Acts({ view }: { view: ExportView }) {
  const t = useTranslations('exports')
  const about = view.q ? visibleText(view.q) : t('everything')
  if (view.state === 'ready' && !view.isShown)
    return (
      <Button disabledReason={t('namesHidden')} aria-label={t('downloadOf', { about })}>
        {t('download')}
      </Button>
    )
  if (view.state === 'ready')
    return (
      <a
        href={`/api/v1/audit/exports/${view.id}/download`}
        download
        className={buttonClass()}
        aria-label={t('downloadOf', { about })}
      >
        {t('download')}
      </a>
    )
  if (!isUnfinished(view)) return null
  return (
    <FormShell action={cancel.bind(null, view.id)} label={t('cancelOf', { about })}>
      <SubmitButton variant="ghost" aria-label={t('cancelOf', { about })}>
        {t('cancel')}
      </SubmitButton>
    </FormShell>
  )
}
