'use client'

import { useEffect, useEffectEvent, useRef, useState } from 'react'
import { openViewer, type Viewer, type ViewerEvents } from '../../viewer/parent.ts'
import type { ViewerContent, ViewerFailure, ViewerLabels, ViewerPermissions } from '../../viewer/protocol.ts'
import { cx } from '../ui/cx.ts'
import { currentTheme, onThemeChange } from './theme.ts'

type DocumentFrameProps = Pick<ViewerEvents, 'onNoticed' | 'onShown' | 'onFailed' | 'onPage'> & {
  /** Null while it is on its way: the frame is got ready meanwhile. Its bytes are handed over and empty afterwards. */
  content: ViewerContent | null
  /** Painted into every page; null or empty for none. */
  watermark: string | null
  labels: ViewerLabels
  may: ViewerPermissions
  /** Withholds the content, as on a device that was blocked. */
  covered?: boolean
  className?: string
}

/**
 * Shows one file in a frame without an origin and says what was noticed there. Another file, language or permission
 * needs another `key`: bytes cannot be given twice. On unmount the frame goes, and with it the file.
 */
export function DocumentFrame(props: DocumentFrameProps) {
  const { content, watermark, labels, covered = false, className } = props
  const { bytes, kind = 'pdf', name = '', mediaType = '' } = content ?? {}
  const host = useRef<HTMLElement>(null)
  const viewer = useRef<Viewer>(null)
  const [hasFailed, setHasFailed] = useState(false)

  const open = useEffectEvent((place: HTMLElement) => openViewer(place, settingsOf(props), eventsOf(place)))
  const latest = useEffectEvent(() => props)
  function eventsOf(place: HTMLElement): ViewerEvents {
    return {
      onNoticed: (notice) => latest().onNoticed(notice),
      onShown: (shown) => latest().onShown?.(shown),
      onPage: (page) => latest().onPage?.(page),
      onLeave: () => place.focus(),
      onFailed: (reason: ViewerFailure) => {
        setHasFailed(true)
        latest().onFailed(reason)
      },
    }
  }

  useEffect(() => {
    if (!host.current) return
    const opened = open(host.current)
    viewer.current = opened
    const stopFollowing = onThemeChange((theme) => opened.setTheme(theme))
    return () => {
      stopFollowing()
      opened.dispose()
      viewer.current = null
    }
  }, [])
  // In this order: what is withheld is so before there is anything to see.
  useEffect(() => viewer.current?.withhold(covered), [covered])
  useEffect(() => viewer.current?.setWatermark(watermark ?? ''), [watermark])
  // Told apart by its bytes: the object around them may be made anew at every rendering.
  useEffect(() => {
    if (bytes) viewer.current?.show({ kind, name, mediaType, bytes })
  }, [bytes, kind, name, mediaType])

  return (
    <div className={cx('relative min-h-80 overflow-hidden bg-sunken', className ?? 'h-full')}>
      {hasFailed && (
        <p role="alert" className="px-6 py-12 text-center">
          {labels.failed}
        </p>
      )}
      <section
        ref={host}
        hidden={hasFailed}
        tabIndex={-1}
        aria-label={labels.title}
        className="absolute inset-0 outline-none [&>iframe]:block [&>iframe]:size-full [&>iframe]:border-0"
      />
    </div>
  )
}

function settingsOf({ labels, watermark, may }: DocumentFrameProps) {
  return { labels, watermark: watermark ?? '', may, theme: currentTheme(), language: document.documentElement.lang }
}
