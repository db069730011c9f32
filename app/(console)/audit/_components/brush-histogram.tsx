'use client'

import { useRouter } from 'next/navigation'
import { useLocale, useTimeZone, useTranslations } from 'next-intl'
import { type KeyboardEvent, type PointerEvent, useId, useRef, useState } from 'react'
import { cx } from '#components/ui/cx.ts'
import { type Bucket, HistogramAxis, histogramWords } from '#components/ui/histogram.tsx'
import { formatTime } from '#components/ui/time-format.ts'

type Props = {
  buckets: Required<Bucket>[]
  from: string
  to: string
  widthMs: number
  /** The same search between two moments. */
  hrefBetween: (from: string, to: string) => string
}

/** Bars chosen with the pointer or the keyboard: from where one began to where one is. */
type Range = { anchor: number; head: number }

/**
 * Bars over time, of which one or several in a row are chosen to zoom into: by a click or a drag, with the mouse or a
 * finger, or with the keyboard: arrows walk, Shift and arrows widen, Enter zooms, Escape lets go.
 */
export function BrushHistogram({ buckets, from, to, widthMs, hrefBetween }: Props) {
  const t = useTranslations('audit')
  const words = useWords(buckets, from, to)
  const router = useRouter()
  const id = useId()
  const bars = useRef<HTMLDivElement>(null)
  const [range, setRange] = useState<Range | null>(null)
  const [isDragging, setDragging] = useState(false)
  const most = Math.max(1, ...buckets.map(({ count }) => count))
  const [first, last] = range ? [Math.min(range.anchor, range.head), Math.max(range.anchor, range.head)] : [-1, -2]

  function zoom() {
    const [start, end] = [buckets[first], buckets[last]]
    if (!start || !end) return
    const until = new Date(Date.parse(end.start) + widthMs).toISOString()
    router.push(hrefBetween(start.start, until), { scroll: false })
  }

  function barAt({ clientX }: PointerEvent): number {
    const rect = bars.current?.getBoundingClientRect()
    const share = rect ? (clientX - rect.left) / rect.width : 0
    return Math.min(buckets.length - 1, Math.max(0, Math.floor(share * buckets.length)))
  }

  function onPointerDown(event: PointerEvent<HTMLDivElement>) {
    if (event.button !== 0) return
    event.currentTarget.setPointerCapture(event.pointerId)
    const bar = barAt(event)
    setRange({ anchor: bar, head: bar })
    setDragging(true)
  }

  function onKeyDown(event: KeyboardEvent) {
    const next = nextBar(event.key, range?.head ?? buckets.length, buckets.length)
    if (next !== null) setRange({ anchor: event.shiftKey && range ? range.anchor : next, head: next })
    else if (event.key === 'Enter' && range) zoom()
    else if (event.key === 'Escape' && range) setRange(null)
    else return
    event.preventDefault()
  }

  return (
    <figure className="rounded-card border border-line bg-surface px-3 pt-2.5 pb-2">
      <figcaption className="sr-only">{words.summary}</figcaption>
      <div
        ref={bars}
        role="listbox"
        aria-multiselectable
        aria-orientation="horizontal"
        aria-label={`${words.summary}. ${t('histogram.brush')}`}
        title={t('histogram.brush')}
        aria-activedescendant={range ? `${id}-${range.head}` : undefined}
        tabIndex={0}
        className={cx('flex h-[74px] touch-pan-y items-stretch select-none', isDragging && 'cursor-col-resize')}
        onKeyDown={onKeyDown}
        onPointerDown={onPointerDown}
        onPointerMove={(event) => isDragging && setRange(range && { ...range, head: barAt(event) })}
        onPointerUp={() => {
          if (isDragging) zoom()
          setDragging(false)
        }}
        // The finger went on to scroll the page.
        onPointerCancel={() => {
          setDragging(false)
          setRange(null)
        }}
      >
        {buckets.map((bucket, index) => (
          // biome-ignore lint/a11y/useFocusableInteractive: the list has the focus and names its bar (ARIA APG, listbox)
          <span
            key={bucket.start}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index >= first && index <= last}
            aria-label={words.ofBar(bucket)}
            title={words.ofBar(bucket)}
            className="relative flex-1 cursor-pointer hover:bg-sunken aria-selected:bg-accent-soft"
          >
            <Bar share={bucket.count / most} leastPx={bucket.flagged < bucket.count ? 4 : 2} className="bg-bar" />
            <Bar share={bucket.flagged / most} leastPx={2} className="bg-danger opacity-75" />
          </span>
        ))}
      </div>
      <HistogramAxis buckets={buckets} />
    </figure>
  )
}

/** One event among thousands still shows, and beside what was denied what was not. */
function Bar({ share, leastPx, className }: { share: number; leastPx: number; className: string }) {
  if (share === 0) return null
  return (
    <span
      className={cx('pointer-events-none absolute inset-x-[8%] bottom-0', className)}
      style={{ height: `max(${leastPx}px, ${share * 100}%)` }}
    />
  )
}

function nextBar(key: string, here: number, count: number): number | null {
  switch (key) {
    case 'ArrowLeft':
      return Math.max(0, here - 1)
    case 'ArrowRight':
      return Math.min(count - 1, here + 1)
    case 'Home':
      return 0
    case 'End':
      return count - 1
    default:
      return null
  }
}

function useWords(buckets: readonly Bucket[], from: string, to: string) {
  const t = useTranslations('common')
  const locale = useLocale()
  const timeZone = useTimeZone() ?? 'UTC'
  const tell = (at: string) => formatTime(new Date(at), { locale, timeZone, precision: 'minute' })
  return histogramWords({ t, tell, buckets, from, to })
}
