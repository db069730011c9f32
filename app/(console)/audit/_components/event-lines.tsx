'use client'

import { useWindowVirtualizer } from '@tanstack/react-virtual'
import { useRouter } from 'next/navigation'
import { useLocale, useTimeZone } from 'next-intl'
import {
  type FocusEvent,
  type MouseEvent,
  type RefObject,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from 'react'
import { isCovered, isTyping, usePageKeys } from '#components/shell/hotkeys.ts'
import { formatTime } from '#components/ui/time-format.ts'
import type { ColumnName } from '../_columns.ts'
import type { EventRow } from '../_rows.ts'
import { momentOf, wallOf } from '../_zoned-time.ts'
import { useRowLabel, type When } from './event-cells.tsx'
import { EventLine, LINE_PX, PHONE_LINE_PX } from './event-line.tsx'

type Props = {
  rows: readonly EventRow[]
  columns: readonly ColumnName[]
  selectedId: string | null
  /** An event stands beside it: one word has to do for what came of each. */
  isShort: boolean
  /** The event's address is `/audit/ID` and this. */
  hrefSuffix: string
  /** The end comes into sight. */
  onNearEnd: () => void
  onOpen: () => void
  onFocusWithin: (isWithin: boolean) => void
}

/** So many rows beyond the screen are drawn on either side. */
const OVERSCAN = 8
/** With so many rows left below, the next page is asked for. */
const NEAR_END_ROWS = 80
/** What is drawn before the screen is measured. */
const FIRST_SCREEN = { width: 1_000, height: 300 }
/** What the server draws, and the browser first, wherever its window stands already: the same rows, or the page is drawn twice. */
const FIRST_LINES = 18

/** All rows that were found, of which only those on the screen are in the page. j and k walk, Enter opens. */
export function EventLines({
  rows,
  columns,
  selectedId,
  isShort,
  hrefSuffix,
  onNearEnd,
  onOpen,
  onFocusWithin,
}: Props) {
  const box = useRef<HTMLDivElement>(null)
  const isPhone = useIsPhone()
  const margin = useTopOf(box)
  const when = useWhen()
  const labelOf = useRowLabel()
  const open = useOpen(onOpen)
  const lines = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => (isPhone ? PHONE_LINE_PX : LINE_PX),
    getItemKey: (index) => rows[index]?.id ?? index,
    overscan: OVERSCAN,
    scrollMargin: margin,
    // Below the bar of the shell and the heads of the columns.
    scrollPaddingStart: 100,
    initialRect: FIRST_SCREEN,
    useFlushSync: false,
  })
  // biome-ignore lint/correctness/useExhaustiveDependencies: rows of another height stand elsewhere
  useEffect(() => lines.measure(), [lines, isPhone])
  useLineKeys({ box, count: rows.length, scrollTo: (index) => lines.scrollToIndex(index, { align: 'auto' }) })

  const isFirstDraw = useIsFirstDraw()
  const shown = isFirstDraw ? firstLines(rows.length, margin) : lines.getVirtualItems()
  const lastShown = shown.at(-1)?.index ?? 0
  useEffect(() => {
    if (lastShown >= rows.length - NEAR_END_ROWS) onNearEnd()
  }, [lastShown, rows.length, onNearEnd])

  return (
    // biome-ignore lint/a11y/useSemanticElements: of a table with ten thousand rows only those on the screen exist
    // biome-ignore lint/a11y/useKeyWithClickEvents: each row has a link, which the keyboard follows
    <div
      ref={box}
      role="rowgroup"
      style={{ minHeight: lines.getTotalSize() }}
      onClick={open}
      onFocus={() => onFocusWithin(true)}
      onBlur={(event: FocusEvent) => onFocusWithin(event.currentTarget.contains(event.relatedTarget))}
    >
      <div style={{ transform: `translateY(${(shown[0]?.start ?? margin) - margin}px)` }}>
        {shown.map(({ index }) => {
          const row = rows[index]
          return (
            row && (
              <EventLine
                key={row.id}
                row={row}
                index={index}
                href={`/audit/${row.id}${hrefSuffix}`}
                label={labelOf(row, when)}
                columns={columns}
                isSelected={row.id === selectedId}
                isShort={isShort}
                when={when}
              />
            )
          )
        })}
      </div>
    </div>
  )
}

function firstLines(count: number, start: number) {
  return Array.from({ length: Math.min(FIRST_LINES, count) }, (_, index) => ({ index, start }))
}

/** True on the server, and in the browser while it takes over what the server has drawn. */
function useIsFirstDraw(): boolean {
  return useSyncExternalStore(
    () => () => {},
    () => false,
    () => true,
  )
}

const days = new Map<string, Intl.DateTimeFormat>()

function dayFormat(locale: string, timeZone: string, year?: 'numeric'): Intl.DateTimeFormat {
  const name = `${locale} ${timeZone} ${year}`
  const region = locale === 'en' ? 'en-GB' : 'zh-CN'
  const day =
    days.get(name) ??
    new Intl.DateTimeFormat(region, { day: 'numeric', month: 'short', ...(year && { year }), timeZone })
  days.set(name, day)
  return day
}

/** Days of another year say which; so that they find room, their clock stops at the second. */
function useWhen(): When {
  const locale = useLocale()
  const timeZone = useTimeZone() ?? 'UTC'
  return useMemo(() => {
    const [day, dayOfYear] = [dayFormat(locale, timeZone), dayFormat(locale, timeZone, 'numeric')]
    const since = momentOf(`${wallOf(new Date().toISOString(), timeZone).slice(0, 4)}-01-01T00:00`, timeZone)
    const isOld = (at: string) => since !== null && Date.parse(at) < since.getTime()
    return {
      day: (at) => (isOld(at) ? dayOfYear : day).format(new Date(at)),
      clock: (at) =>
        formatTime(new Date(at), { locale, timeZone, precision: isOld(at) ? 'second' : 'millisecond', dateless: true }),
    }
  }, [locale, timeZone])
}

const PHONE = '(max-width: 639px)'

function useIsPhone(): boolean {
  return useSyncExternalStore(
    (changed) => {
      const media = window.matchMedia(PHONE)
      media.addEventListener('change', changed)
      return () => media.removeEventListener('change', changed)
    },
    () => window.matchMedia(PHONE).matches,
    () => false,
  )
}

/** How far below the top of the page an element lies; follows what opens and loads above it. */
function useTopOf(box: RefObject<HTMLElement | null>): number {
  const [top, setTop] = useState(0)
  useEffect(() => {
    const measure = () => {
      const rect = box.current?.getBoundingClientRect()
      // Not while it is hidden: then it has no place.
      if (rect && rect.width > 0) setTop(Math.round(rect.top + window.scrollY))
    }
    const observer = new ResizeObserver(measure)
    observer.observe(document.body)
    return () => observer.disconnect()
  }, [box])
  return top
}

/** A click on a row goes to its event without drawing the page anew; with a modifier the browser does what it does. */
function useOpen(onOpen: () => void) {
  const router = useRouter()
  return (event: MouseEvent) => {
    const link = (event.target as Element).closest<HTMLAnchorElement>('a[data-row-link]')
    if (!link || event.defaultPrevented || event.button !== 0) return
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    event.preventDefault()
    onOpen()
    router.push(`${link.pathname}${link.search}`, { scroll: false })
  }
}

type Keys = { box: RefObject<HTMLElement | null>; count: number; scrollTo: (index: number) => void }

/** j and k go to the next and the last row, also where it is not drawn yet. */
function useLineKeys({ box, count, scrollTo }: Keys) {
  const last = useRef(-1)
  usePageKeys((event) => {
    if (event.metaKey || event.ctrlKey || event.altKey || isTyping(event.target) || isCovered()) return false
    if (event.key !== 'j' && event.key !== 'k') return false
    const here = indexOf(document.activeElement?.closest('[data-index]')) ?? indexOf(currentOf(box)) ?? last.current
    const next = Math.min(count - 1, Math.max(0, here + (event.key === 'j' ? 1 : -1)))
    if (next < 0) return false
    last.current = next
    scrollTo(next)
    focusLine(box, next)
    return true
  })
}

const currentOf = (box: RefObject<HTMLElement | null>) => box.current?.querySelector('[aria-current]')

function indexOf(row: Element | null | undefined): number | null {
  const index = row?.getAttribute('data-index')
  return index === null || index === undefined ? null : Number(index)
}

const FRAMES = 5

/** The row is there once the list has drawn it, which takes a frame or two after the scroll. */
function focusLine(box: RefObject<HTMLElement | null>, index: number, framesLeft = FRAMES) {
  const link = box.current?.querySelector<HTMLElement>(`[data-index="${index}"] [data-row-link]`)
  if (link) link.focus({ preventScroll: true })
  else if (framesLeft > 0) requestAnimationFrame(() => focusLine(box, index, framesLeft - 1))
}
