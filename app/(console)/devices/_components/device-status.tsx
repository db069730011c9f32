import { useTranslations } from 'next-intl'
import { Tag, type Tone } from '#components/ui/tag.tsx'
import type { DeviceStatus } from '#server/devices/schema.ts'

const TONES: Record<DeviceStatus, Tone> = {
  pending: 'warn',
  active: 'ok',
  blocked: 'danger',
  wiping: 'danger',
  wiped: 'neutral',
  retired: 'neutral',
}

export function DeviceStatusTag({ status }: { status: DeviceStatus }) {
  const t = useTranslations('devices')
  return <Tag tone={TONES[status]}>{t(`status.${status}`)}</Tag>
}
