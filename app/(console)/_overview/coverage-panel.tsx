import { useFormatter, useTranslations } from 'next-intl'
import { Card, Panel } from '#components/ui/card.tsx'
import { cx } from '#components/ui/cx.ts'
import { Link } from '#components/ui/link.tsx'
import type { DeviceOverview } from '#server/devices/queries.ts'
import { SILENT_DAYS } from '#server/devices/schema.ts'

/** How much of what there is can be seen; each figure leads to the list it counts. */
export function CoveragePanel({ devices }: { devices: DeviceOverview }) {
  const t = useTranslations('overview.coverage')
  const figures = [
    { key: 'known', value: devices.known, href: '/devices' },
    { key: 'inService', value: devices.inService, href: '/devices?status=active' },
    { key: 'silent', value: devices.silent, href: '/devices?status=active&silent=true', warns: true },
    { key: 'missing', value: devices.missingEvents, href: '/devices?missing=true', warns: true },
  ] as const
  return (
    <Card className="mb-4">
      <Panel title={t('title')}>
        <dl className="mt-2 grid grid-cols-2 gap-x-4 gap-y-3 sm:grid-cols-4">
          {figures.map(({ key, ...figure }) => (
            <Figure key={key} {...figure} label={t(key, { days: SILENT_DAYS })} />
          ))}
        </dl>
      </Panel>
    </Card>
  )
}

type FigureProps = { label: string; value: number; href: string; warns?: boolean }

function Figure({ label, value, href, warns = false }: FigureProps) {
  const format = useFormatter()
  return (
    <div className="flex flex-col-reverse justify-end">
      <dt className="text-ink-2">{label}</dt>
      <dd>
        <Link
          href={href}
          aria-label={`${label}: ${format.number(value)}`}
          className={cx('text-title tabular-nums', warns && value > 0 && 'text-warn')}
        >
          {format.number(value)}
        </Link>
      </dd>
    </div>
  )
}
