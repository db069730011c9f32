'use client'

import { useSyncExternalStore } from 'react'
import { CopyButton } from '#components/ui/copy-button.tsx'

const never = () => () => {}

/** The permalink of one event: its own address, without the search it was opened from. */
export function CopyEventLink({ eventId, label }: { eventId: string; label: string }) {
  const origin = useSyncExternalStore(
    never,
    () => window.location.origin,
    () => '',
  )
  return <CopyButton small value={`${origin}/audit/${eventId}`} label={label} />
}
