import { useTranslations } from 'next-intl'
import { DEVICE_TONES } from '#components/devices/status-tones.ts'
import { Tag } from '#components/ui/tag.tsx'
import type { DeviceStatus } from '#server/devices/schema.ts'

export function DeviceStatusTag({ status }: { status: DeviceStatus }) {
  const t = useTranslations('devices')
  return <Tag tone={DEVICE_TONES[status]}>{t(`status.${status}`)}</Tag>
}
