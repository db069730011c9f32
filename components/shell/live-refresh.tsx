'use client'

import { useRouter } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { useEffect, useEffectEvent, useState } from 'react'
import { Tag } from '../ui/tag.tsx'

const SETTLE_MS = 200
const PATIENCE_MS = 3_000

/**
 * Draws the page again when the server says on `url` (text/event-stream) that something changed. A lost connection is
 * said after three seconds: until it returns what is shown may be old.
 */
export function LiveRefresh({
  url,
  events = [],
}: {
  url: string /** Named events besides plain messages. */
  events?: readonly string[]
}) {
  const t = useTranslations('shell')
  const router = useRouter()
  const [lost, setLost] = useState(false)
  const refresh = useEffectEvent(() => router.refresh())
  const names = events.join(' ')

  useEffect(
    () => listen({ url, names: names.split(' ').filter(Boolean), onChange: () => refresh(), onLost: setLost }),
    [url, names],
  )

  return (
    <span role="status" aria-live="polite">
      {lost && <Tag tone="warn">{t('live.lost')}</Tag>}
    </span>
  )
}

type Listening = { url: string; names: string[]; onChange: () => void; onLost: (lost: boolean) => void }

function listen({ url, names, onChange, onLost }: Listening): () => void {
  const timers: {
    settle?: ReturnType<typeof setTimeout>
    patience?: ReturnType<typeof setTimeout>
    retry?: ReturnType<typeof setTimeout>
  } = {}
  let source: EventSource
  // Also before the first connection: what happened since the server drew the page was not heard.
  let missed = true

  function changed() {
    clearTimeout(timers.settle)
    timers.settle = setTimeout(onChange, SETTLE_MS)
  }
  function connected() {
    clearTimeout(timers.patience)
    timers.patience = undefined
    onLost(false)
    if (missed) changed() // what happened in between was not heard
    missed = false
  }
  function dropped() {
    missed = true
    timers.patience ??= setTimeout(() => onLost(true), PATIENCE_MS)
    // The browser tries again by itself unless the answer was an error status.
    if (source.readyState === EventSource.CLOSED) timers.retry = setTimeout(connect, PATIENCE_MS)
  }
  function connect() {
    source = new EventSource(url)
    source.onopen = connected
    source.onerror = dropped
    source.onmessage = changed
    for (const name of names) source.addEventListener(name, changed)
  }
  connect()
  return () => {
    for (const timer of Object.values(timers)) clearTimeout(timer)
    source.close()
  }
}
