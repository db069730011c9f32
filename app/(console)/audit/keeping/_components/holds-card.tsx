import { getLocale, getTimeZone, getTranslations } from 'next-intl/server'
import { Suspense } from 'react'
import { visibleText } from '#components/audit/visible-text.ts'
import { Card, CardFoot, Panel } from '#components/ui/card.tsx'
import { ButtonLink, Link } from '#components/ui/link.tsx'
import { Mono } from '#components/ui/mono.tsx'
import { Tag } from '#components/ui/tag.tsx'
import { Time } from '#components/ui/time.tsx'
import { formatTime, zoneOffset } from '#components/ui/time-format.ts'
import type { HoldView, PurgePreview } from '#server/audit/schema.ts'
import { figure } from '../_period.ts'

type Props = { holds: readonly HoldView[]; preview: Promise<PurgePreview>; mayPlace: boolean; mayRelease: boolean }

export async function HoldsCard({ holds, preview, mayPlace, mayRelease }: Props) {
  const t = await getTranslations('keeping')
  return (
    <Card>
      <Panel title={<span id="holds">{t('holds.title')}</span>}>
        <p className="text-ink-2">{t('holds.intro')}</p>
        {holds.every(({ released }) => released) && <p className="mt-2">{t('holds.empty')}</p>}
        <ul aria-label={t('holds.title')}>
          {holds.map((hold) => (
            <li key={hold.id} className="border-b border-line py-2.5 last:border-0">
              <Hold hold={hold} preview={preview} mayRelease={mayRelease} />
            </li>
          ))}
        </ul>
      </Panel>
      <CardFoot>
        {mayPlace ? (
          <ButtonLink href="/audit/keeping/holds/new">{t('holds.place')}…</ButtonLink>
        ) : (
          <p className="text-ink-3">{t('holds.needsExport')}</p>
        )}
      </CardFoot>
    </Card>
  )
}

async function Hold({ hold, preview, mayRelease }: Pick<Props, 'preview' | 'mayRelease'> & { hold: HoldView }) {
  const t = await getTranslations('keeping')
  const { id, name, released, releaseRequest } = hold
  return (
    <>
      <div className="flex flex-wrap items-center gap-2">
        <h3 className="font-strong">{name}</h3>
        {released && <Tag>{t('holds.released')}</Tag>}
        {!released && (
          <Suspense fallback={null}>
            <Keeps holdId={id} preview={preview} />
          </Suspense>
        )}
        {releaseRequest && (
          <>
            <Tag tone="danger">{t('holds.releasing', { state: t(`rules.state.${releaseRequest.state}`) })}</Tag>
            <Link href="/approvals">{t('rules.decide')}</Link>
          </>
        )}
        {!released && !releaseRequest && mayRelease && (
          <ButtonLink size="small" className="ml-auto" href={`/audit/keeping/holds/${id}/release`}>
            {t('holds.release')}
          </ButtonLink>
        )}
      </div>
      <p className="break-words">
        {await aboutWords(hold)} {hold.q && <Mono className="break-words">{visibleText(hold.q)}</Mono>}
      </p>
      <p className="text-ink-2">
        {t.rich('holds.placed', { name: hold.placedBy, reason: hold.reason, at: () => <Time value={hold.placedAt} /> })}
      </p>
      {released && (
        <p className="text-ink-2">
          {t.rich('holds.releasedBy', {
            name: released.by,
            reason: released.reason,
            at: () => <Time value={released.at} />,
          })}
        </p>
      )}
    </>
  )
}

/** What it keeps tonight that has expired. */
async function Keeps({ holdId, preview }: { holdId: string; preview: Promise<PurgePreview> }) {
  const [t, { holds, partial }] = await Promise.all([getTranslations('keeping'), preview])
  const kept = holds.find(({ id }) => id === holdId)?.kept ?? 0
  return kept > 0 && <Tag tone="warn">{t('holds.keeps', { count: figure(t, kept, partial), number: kept })}</Tag>
}

async function aboutWords({ kind, target, q, ...bounds }: HoldView): Promise<string> {
  const [t, locale, timeZone] = await Promise.all([getTranslations('keeping'), getLocale(), getTimeZone()])
  // As the form takes them: on the clock of the reader's zone.
  const clock = (at: string | null) =>
    at && `${formatTime(new Date(at), { locale, timeZone, precision: 'second' })} ${zoneOffset(new Date(at), timeZone)}`
  const [from, to] = [clock(bounds.from), clock(bounds.to)]
  const about =
    kind === 'search' && !q ? t('holds.about.everything') : t(`holds.about.${kind}`, { name: target?.name ?? '' })
  if (from && to) return `${about}, ${t('holds.between', { from, to })}`
  if (from) return `${about}, ${t('holds.since', { from })}`
  return to ? `${about}, ${t('holds.before', { to })}` : about
}
