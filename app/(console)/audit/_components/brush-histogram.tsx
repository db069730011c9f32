'use client'

import { useRouter } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { type PointerEvent, useRef, useState } from 'react'
import { Histogram } from '#components/ui/histogram.tsx'

type Bucket = { start: string; count: number; flagged: number }
type Props = { buckets: Bucket[]; from: string; to: string; widthMs: number; baseHref: string }
type Drag = { from: number; to: number }

/** Inside the figure's own padding of 12 px. */
const PADDING = 12
const LEAST_DRAG = 6

/** Bars that are links to their time; dragging across several is a link to all of them. */
export function BrushHistogram({ buckets, from, to, widthMs, baseHref }: Props) {
  const t = useTranslations('audit')
  const router = useRouter()
  const frame = useRef<HTMLDivElement>(null)
  const [drag, setDrag] = useState<Drag | null>(null)
  const dragged = useRef(false)

  function hrefBetween(start: string, end: number): string {
    const range = new URLSearchParams({ from: start, to: new Date(end).toISOString() })
    return `${baseHref}${baseHref.includes('?') ? '&' : '?'}${range}`
  }
  const hrefOf = ({ start }: { start: string }) => hrefBetween(start, Date.parse(start) + widthMs)

  const placeOf = (event: PointerEvent) => event.clientX - (frame.current?.getBoundingClientRect().left ?? 0)
  const bucketAt = (x: number) => {
    const width = (frame.current?.clientWidth ?? 1) - 2 * PADDING
    const share = Math.min(0.9999, Math.max(0, (x - PADDING) / width))
    return buckets[Math.floor(share * buckets.length)]
  }

  function end() {
    if (!drag) return
    setDrag(null)
    if (!dragged.current) return
    const [first, last] = [bucketAt(Math.min(drag.from, drag.to)), bucketAt(Math.max(drag.from, drag.to))]
    if (first && last) router.push(hrefBetween(first.start, Date.parse(last.start) + widthMs), { scroll: false })
  }

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: a shortcut for the pointer; the bars are links and the time has a form
    <div
      ref={frame}
      title={t('histogram.brush')}
      className="relative touch-pan-y select-none"
      onDragStart={(event) => event.preventDefault()}
      onPointerDown={(event) => {
        if (event.button !== 0) return
        dragged.current = false
        setDrag({ from: placeOf(event), to: placeOf(event) })
      }}
      onPointerMove={(event) => {
        if (!drag) return
        const next = { ...drag, to: placeOf(event) }
        if (Math.abs(next.to - next.from) >= LEAST_DRAG) dragged.current = true
        setDrag(next)
      }}
      onPointerUp={end}
      onPointerLeave={end}
      onClickCapture={(event) => {
        // The end of a drag is no click on the bar under it.
        if (dragged.current) event.preventDefault()
        dragged.current = false
      }}
    >
      <Histogram buckets={buckets} from={from} to={to} hrefOf={hrefOf} />
      {drag && dragged.current && (
        <span
          aria-hidden
          className="pointer-events-none absolute top-0 bottom-0 bg-accent-soft opacity-60"
          style={{ left: Math.min(drag.from, drag.to), width: Math.abs(drag.to - drag.from) }}
        />
      )}
    </div>
  )
}
