import { getTranslations } from 'next-intl/server'
import { DEVICE_TONES } from '#components/devices/status-tones.ts'
import { Card, Panel } from '#components/ui/card.tsx'
import { ButtonLink, Link } from '#components/ui/link.tsx'
import { RelativeTime } from '#components/ui/relative-time.tsx'
import { Tag } from '#components/ui/tag.tsx'
import { listDevices } from '#server/devices/queries.ts'
import type { PersonActor } from '#server/kernel/actor.ts'

/** The person's devices: from here a lost phone is two taps away from blocked. */
export async function PersonDevices({ actor, personId }: { actor: PersonActor; personId: string }) {
  const t = await getTranslations('people')
  if (!actor.permissions.has('devices:read')) return <div />
  const { items } = await listDevices(actor, { person: personId, limit: 100 })
  const enrol = actor.permissions.has('devices:write') && (
    <ButtonLink size="small" href={`/devices/new?person=${personId}`}>
      {t('devices.enrol')}…
    </ButtonLink>
  )
  return (
    <Card>
      <Panel title={t('devices.title')} aside={enrol}>
        {items.length === 0 && <p className="text-ink-2">{t('devices.none')}</p>}
        <ul aria-label={t('devices.title')}>
          {items.map((device) => (
            <li
              key={device.id}
              className="flex min-h-11 flex-wrap items-center gap-x-3 border-b border-line py-1.5 last:border-0"
            >
              <Link href={`/devices/${device.id}`} className="min-w-0 flex-1 truncate font-medium max-md:py-2">
                {device.name}
              </Link>
              <span className="text-ink-2">
                {device.platform} {device.osVersion} · <RelativeTime value={device.lastSeenAt} />
              </span>
              <Tag tone={DEVICE_TONES[device.status]}>{t(`devices.status.${device.status}`)}</Tag>
            </li>
          ))}
        </ul>
      </Panel>
    </Card>
  )
}
