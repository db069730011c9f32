import { useLocale, useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import { Donut } from '#components/chart/donut.tsx'
import { StackedChart } from '#components/chart/stacked-chart.tsx'
import { Card, Panel } from '#components/ui/card.tsx'
import { Link } from '#components/ui/link.tsx'
import type { CaptureDays } from '#server/audit/queries.ts'
import type { DeviceOverview } from '#server/devices/queries.ts'
import type { Overview } from './load.ts'
import { captureRows, platformSlices, policySlices, versionSlices } from './posture.ts'

type Props = { devices: DeviceOverview; policy: Overview['policy']; captures: CaptureDays | null }

/** How the devices in service stand. Each figure leads to the list behind it. */
export function PosturePanel({ devices, policy, captures }: Props) {
  const t = useTranslations('overview.posture')
  const platform = useTranslations('overview.platform')
  const { groups } = devices
  const names = {
    below: (version: string) => t('below', { version }),
    current: (version: number) => t('current', { version }),
    older: (version: number) => t('older', { version }),
    none: t('noPolicy'),
    rest: t('rest'),
  }
  const slices = [
    { key: 'platforms', slices: platformSlices(groups, (name) => platform(platformKey(name))) },
    { key: 'versions', slices: versionSlices(groups, policy?.document ?? null, names) },
    { key: 'policies', slices: policy ? policySlices(groups, policy.version, names) : [] },
  ] as const
  return (
    <div className="grid gap-4 *:min-w-0 md:grid-cols-2 xl:grid-cols-3">
      {slices.map(({ key, slices: parts }) => (
        <Tile key={key} title={t(key)}>
          {parts.length > 0 ? <Donut label={t(key)} slices={parts} /> : <p className="text-ink-2">{t('nothing')}</p>}
        </Tile>
      ))}
      {captures && <Captures captures={captures} />}
    </div>
  )
}

const PLATFORM_KEYS = ['ios', 'android', 'windows', 'macos', 'linux', 'browser'] as const

function platformKey(name: string) {
  return PLATFORM_KEYS.find((key) => key === name) ?? 'browser'
}

function Tile({ title, className, children }: { title: string; className?: string; children: ReactNode }) {
  return (
    <Card className={className}>
      <Panel title={title}>
        <div className="mt-2">{children}</div>
      </Panel>
    </Card>
  )
}

function Captures({ captures: { days, total, from, partial } }: { captures: CaptureDays }) {
  const t = useTranslations('overview.posture')
  const rows = captureRows(days, useLocale())
  const href = `/audit?q=${encodeURIComponent('action:screenshot.attempt')}&from=${encodeURIComponent(from)}`
  return (
    <Tile title={t('captures')} className="xl:col-span-3">
      <StackedChart
        label={t('captures')}
        series={[
          { key: 'prevented', label: t('prevented'), tone: 'ok' },
          { key: 'noticed', label: t('noticed'), tone: 'warn' },
        ]}
        rows={rows}
      />
      <p className="mt-2">
        <Link href={href}>{t('captureTotal', { total, days: days.length })}</Link>
        {partial && <span className="text-ink-2"> {t('partial')}</span>}
      </p>
    </Tile>
  )
}
