'use client'

import { useTranslations } from 'next-intl'
import { Link } from '#components/ui/link.tsx'
import { Skeleton } from '#components/ui/states.tsx'
import { Time } from '#components/ui/time.tsx'
import { type AuditParams, auditHref } from '../search-params.ts'
import { BrushHistogram } from './brush-histogram.tsx'
import { useFigures } from './figures.tsx'

/** When the matches happened; a part of it is the same search in a narrower time. */
export function HistogramCard({ params }: { params: AuditParams }) {
  const t = useTranslations('audit')
  const { histogram } = useFigures()
  if (!histogram) return <Skeleton className="mt-2 h-[112px] rounded-card" />
  if (histogram === 'slow') return <p className="mt-2 text-ink-2">{t('histogram.slow')}</p>
  const { buckets, from, to, widthMs, partial, searchedBackTo } = histogram
  const bars = buckets.map(({ start, count, denied, failed }) => ({ start, count, flagged: denied + failed }))
  const isZoomed = Boolean(params.from || params.to)
  return (
    <section aria-label={t('histogram.label')} className="mt-2">
      {bars.every(({ count }) => count === 0) ? (
        <p className="text-ink-3">{t('histogram.none')}</p>
      ) : (
        <BrushHistogram
          // Other bars are another figure: nothing of it is chosen yet.
          key={`${from}${widthMs}`}
          buckets={bars}
          from={from}
          to={to}
          widthMs={widthMs}
          hrefBetween={(start, end) => auditHref(params, { last: null, from: start, to: end })}
        />
      )}
      <p className="mt-1 flex flex-wrap gap-x-4 text-ink-2 empty:hidden">
        {partial && <span>{t.rich('histogram.partial', { at: () => <Time value={searchedBackTo} /> })}</span>}
        {isZoomed && (
          <Link href={auditHref(params, { from: null, to: null })} scroll={false} className="ml-auto">
            {t('histogram.zoomOut')}
          </Link>
        )}
      </p>
    </section>
  )
}
