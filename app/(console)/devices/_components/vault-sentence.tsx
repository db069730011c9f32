import { useTranslations } from 'next-intl'
import { Time } from '#components/ui/time.tsx'
import type { DeviceView } from '#server/devices/schema.ts'

/** What the device can still open, computed from what was handed out: never a fixed promise. */
export function VaultSentence({ device, now }: { device: Pick<DeviceView, 'vault' | 'offlineUntil'>; now: Date }) {
  const t = useTranslations('devices')
  const { vault, offlineUntil } = device
  const time = () => <Time value={offlineUntil} />
  const still = offlineUntil !== null && new Date(offlineUntil) > now
  if (offlineUntil === null) return t(`vault.${vault}.never`)
  return t.rich(still ? `vault.${vault}.still` : `vault.${vault}.over`, { time })
}
