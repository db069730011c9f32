'use client'

import { useRouter } from 'next/navigation'
import { useTranslations } from 'next-intl'
import { useEffect, useEffectEvent, useState } from 'react'
import { Tag } from '../ui/tag.tsx'
import { listenLive } from './live-stream.ts'

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
    () => listenLive({ url, names: names.split(' ').filter(Boolean), onChange: () => refresh(), onLost: setLost }),
    [url, names],
  )

  return (
    <span role="status" aria-live="polite">
      {lost && <Tag tone="warn">{t('live.lost')}</Tag>}
    </span>
  )
}
