import { useTranslations } from 'next-intl'
import { RelativeTime } from '#components/ui/relative-time.tsx'
import { Time } from '#components/ui/time.tsx'
import type { DeviceView, WipeView } from '#server/devices/schema.ts'
import { reachKey } from '../../devices/_reach.ts'

type Props = {
  wipe: WipeView
  device: Pick<DeviceView, 'reach' | 'channel' | 'lastSeenAt' | 'offlineUntil'>
  now: Date
}

/** Where the erase stands and what is true of the device until then: computed, never fixed. */
export function WipeSentence({ wipe, device, now }: Props) {
  const t = useTranslations('wipe')
  const until = wipe.offlineUntil ?? device.offlineUntil
  const tags = {
    undo: () => <Time value={wipe.undoUntil} precision="second" />,
    gone: () => <Time value={wipe.shareDestroyedAt} />,
    until: () => <Time value={until} />,
    seen: () => <RelativeTime value={device.lastSeenAt} />,
  }
  const lease = until === null ? 'none' : wipe.state !== 'erased' && new Date(until) > now ? 'running' : 'over'
  const isDestroyed = wipe.shareDestroyedAt !== null
  return (
    <>
      {t.rich(`sentence.${wipe.state}`, { ...tags, reach: reachKey(device) })}{' '}
      {isDestroyed && t.rich(`lease.${lease}`, tags)}
    </>
  )
}
