import { useLocale, useTimeZone, useTranslations } from 'next-intl'
import type { CSSProperties } from 'react'
import { axisMarks } from './axis-marks.ts'
import { cx } from './cx.ts'
import { formatTime } from './time-format.ts'

export type Bucket = { start: string; count: number; flagged?: number }

type Props = {
  buckets: Bucket[]
  from: string
  to: string
  /** The list behind one bar. Without it the drawing is a picture only. */
  hrefOf?: (bucket: Bucket) => string
}

const HEIGHT = 64

/** How many events when, as small bars; the flagged part (denied) in red from below. */
export function Histogram({ buckets, from, to, hrefOf }: Props) {
  const t = useTranslations('common')
  const locale = useLocale()
  const timeZone = useTimeZone() ?? 'UTC'
  const tell = (at: string) => formatTime(new Date(at), { locale, timeZone, precision: 'minute' })
  const most = Math.max(1, ...buckets.map((bucket) => bucket.count))
  const { summary, ofBar } = histogramWords({ t, tell, buckets, from, to })
  return (
    <figure className="rounded-card border border-line bg-surface px-3 pt-2.5 pb-2">
      <figcaption className="sr-only">{summary}</figcaption>
      <svg
        viewBox={`0 0 ${buckets.length} ${HEIGHT}`}
        preserveAspectRatio="none"
        className="block h-[74px] w-full"
        aria-hidden={hrefOf ? undefined : true}
        role={hrefOf ? 'group' : undefined}
        aria-label={hrefOf && summary}
      >
        {buckets.map((bucket, index) => {
          const words = ofBar(bucket)
          const bar = <Bar key={bucket.start} bucket={bucket} x={index} most={most} words={words} />
          if (!hrefOf || bucket.count === 0) return bar
          return (
            <a key={bucket.start} href={hrefOf(bucket)} aria-label={words}>
              {bar}
            </a>
          )
        })}
      </svg>
      <HistogramAxis buckets={buckets} />
    </figure>
  )
}

type Telling = Pick<Props, 'from' | 'to'> & {
  buckets: readonly Bucket[]
  t: ReturnType<typeof useTranslations<'common'>>
  tell: (at: string) => string
}

/** What the figure and each of its bars say to those who do not see them. */
export function histogramWords({ t, tell, buckets, from, to }: Telling) {
  const total = buckets.reduce((sum, bucket) => sum + bucket.count, 0)
  const flagged = buckets.reduce((sum, bucket) => sum + (bucket.flagged ?? 0), 0)
  const span = { from: tell(from), to: tell(to) }
  return {
    summary:
      flagged > 0
        ? t('histogram.summaryFlagged', { total, flagged, ...span })
        : t('histogram.summary', { total, ...span }),
    ofBar: ({ start, count, flagged: red }: Bucket) =>
      red
        ? t('histogram.bucketFlagged', { start: tell(start), count, flagged: red })
        : t('histogram.bucket', { start: tell(start), count }),
  }
}

function Bar({ bucket, x, most, words }: { bucket: Bucket; x: number; most: number; words: string }) {
  const height = scaled(bucket.count, most)
  const red = scaled(bucket.flagged ?? 0, most)
  return (
    <g>
      <title>{words}</title>
      <rect x={x} y={0} width={1} height={HEIGHT} fill="transparent" />
      <rect x={x + 0.08} y={HEIGHT - height} width={0.84} height={height} className="fill-bar" />
      <rect x={x + 0.08} y={HEIGHT - red} width={0.84} height={red} className="fill-danger opacity-75" />
    </g>
  )
}

/** One event among thousands still shows. */
function scaled(count: number, most: number): number {
  return count === 0 ? 0 : Math.max(2, (count / most) * HEIGHT)
}

/** The days or hours below the bars. */
export function HistogramAxis({ buckets }: { buckets: readonly Bucket[] }) {
  const locale = useLocale()
  const timeZone = useTimeZone() ?? 'UTC'
  const starts = buckets.map(({ start }) => start)
  return (
    <div aria-hidden className="relative h-[18px] text-tiny leading-[18px] text-ink-3">
      {axisMarks(starts, locale, timeZone).map(({ start, at, words, ends, onPhone }) => (
        <span
          key={start}
          suppressHydrationWarning
          style={{ '--at': `${at * 100}%` } as CSSProperties}
          className={cx(
            'absolute whitespace-nowrap',
            ends.wide ? 'sm:right-0' : 'sm:left-(--at)',
            ends.phone ? 'max-sm:right-0' : 'max-sm:left-(--at)',
            !onPhone && 'max-sm:hidden',
          )}
        >
          {words}
        </span>
      ))}
    </div>
  )
}
