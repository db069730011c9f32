import { useTranslations } from 'next-intl'
import { DEVICE_TONES } from '#components/devices/status-tones.ts'
import { Link } from '#components/ui/link.tsx'
import { RelativeTime } from '#components/ui/relative-time.tsx'
import { Tag } from '#components/ui/tag.tsx'
import type { OwnDevice } from '#protocol/device/person.ts'

/** Every device of the person. Stopping one takes a sign-in: whoever holds this one need not be its person. */
export function OwnDevices({ devices, hereId }: { devices: OwnDevice[]; hereId: string }) {
  const t = useTranslations('workspace')
  return (
    <>
      <ul aria-label={t('me.devices')}>
        {devices.map((device) => (
          <li key={device.id} className="border-b border-line py-2 last:border-0">
            <span className="flex flex-wrap items-center gap-x-2 gap-y-1">
              <bdi className="font-semibold wrap-anywhere">{device.name}</bdi>
              {device.id === hereId && <Tag tone="violet">{t('me.here')}</Tag>}
              <Tag tone={DEVICE_TONES[device.status]}>{t(`status.${device.status}`)}</Tag>
            </span>
            <span className="block text-ink-2">
              {device.osVersion} · {t.rich('me.lastSeen', { when: () => <RelativeTime value={device.lastSeenAt} /> })}
            </span>
          </li>
        ))}
      </ul>
      <p className="mt-2 text-ink-2">
        {t.rich('me.stopText', {
          link: (text) => (
            <Link href="/lost" className="underline">
              {text}
            </Link>
          ),
        })}
      </p>
    </>
  )
}
