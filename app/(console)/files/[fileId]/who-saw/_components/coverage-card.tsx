import { useLocale, useTimeZone, useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import { Card, Panel } from '#components/ui/card.tsx'
import { Link } from '#components/ui/link.tsx'
import { Tag } from '#components/ui/tag.tsx'
import type { Coverage, DeviceGap } from '#server/audit/schema.ts'
import { Name } from '../../../../audit/_components/pseudonym.tsx'
import { rangesText, timeText } from '../_answer.ts'
import { NameList } from './viewers-table.tsx'

const SHOWN = 20

type Props = { coverage: Coverage; hasLinks: boolean }

/** What the answer rests on, and what it cannot know. */
export function CoverageCard({ coverage: { period, entitled, devices, events, left }, hasLinks }: Props) {
  const t = useTranslations('whoSaw.coverage')
  const time = useTime()
  const counted = <K extends string>(counts: Record<K, number>, tell: (kind: K, count: number) => string) =>
    (Object.entries(counts) as [K, number][]).filter(([, count]) => count > 0).map(([kind, count]) => tell(kind, count))
  const doubtful = counted(events, (kind, count) => t(kind, { count }))
  const gone = counted(left, (kind, count) => t(kind, { count }))
  const times = { since: time(period.heldSince), published: time(period.publishedAt) }
  return (
    <Card className="mt-4">
      <Panel title={t('title')}>
        <dl className="mt-1">
          <Row term={t('period')}>
            <p>{period.isHeld ? t('periodHeld', { events: period.events }) : t('periodGone', times)}</p>
            {period.isHeld && <p className="text-ink-2">{t('since', times)}</p>}
          </Row>
          <Row term={t('entitled')}>
            <p>
              {t(entitled.everyone ? 'entitledEveryone' : 'entitledPeople', { count: entitled.count })}
              {entitled.count > 0 && `; ${t('without', { count: entitled.withoutCount })}`}
            </p>
            <Names names={entitled.without.map(({ name }) => name)} count={entitled.withoutCount} />
            {entitled.formerly.length > 0 && (
              <p className="text-ink-2">
                {t('formerly', { names: entitled.formerly.map(({ name }) => name).join(', ') })}
              </p>
            )}
          </Row>
          <Row term={t('devices')}>
            <p>
              {devices.incompleteCount === 0
                ? t('devicesWhole', { count: devices.count })
                : t('devicesIncomplete', { incomplete: devices.incompleteCount, count: devices.count })}
            </p>
            <ul>
              {devices.incomplete.slice(0, SHOWN).map((gap) => (
                <DeviceLine key={gap.device.id} gap={gap} hasLink={hasLinks} />
              ))}
            </ul>
          </Row>
          <Row term={t('events')}>{doubtful.length > 0 ? doubtful.join(', ') : t('eventsNone')}</Row>
          <Row term={t('left')}>{gone.length > 0 ? `${gone.join(', ')}. ${t('what')}` : t('leftNone')}</Row>
        </dl>
      </Panel>
    </Card>
  )
}

function Row({ term, children }: { term: string; children: ReactNode }) {
  return (
    <div className="border-t border-line py-2 first:border-0 sm:grid sm:grid-cols-[160px_minmax(0,1fr)] sm:gap-x-3">
      <dt className="text-ink-2">{term}</dt>
      <dd className="min-w-0 break-words">{children}</dd>
    </div>
  )
}

function Names({ names, count }: { names: readonly string[]; count: number }) {
  const t = useTranslations('whoSaw.coverage')
  if (count === 0) return null
  const shown = names.slice(0, SHOWN)
  return (
    <p className="text-ink-2">
      <NameList names={shown} /> {count > shown.length && t('moreNames', { count: count - shown.length })}
    </p>
  )
}

function DeviceLine({ gap, hasLink }: { gap: DeviceGap; hasLink: boolean }) {
  const t = useTranslations('whoSaw.coverage')
  const time = useTime()
  const { device, person, missing, missingCount, silentSince, isGivenUp, isInvolved } = gap
  const ranges = { ranges: rangesText(missing), count: missingCount }
  const isAll = missing.reduce((sum, { from, to }) => sum + to - from + 1, 0) === missingCount
  return (
    <li className="flex flex-wrap items-baseline gap-x-2 py-0.5">
      {hasLink ? (
        <Link href={`/devices/${device.id}`}>
          <Name>{device.name}</Name>
        </Link>
      ) : (
        <Name>{device.name}</Name>
      )}
      {person && (
        <span className="text-ink-2">
          <Name>{person.name}</Name>
        </span>
      )}
      {missing.length > 0 && <Tag tone="warn">{t(isAll ? 'missing' : 'missingMore', ranges)}</Tag>}
      {silentSince && <Tag tone="warn">{t('silent', { since: time(silentSince) })}</Tag>}
      {isGivenUp && <Tag tone="warn">{t('givenUp')}</Tag>}
      <span className="text-ink-2">{t(isInvolved ? 'had' : 'only')}</span>
    </li>
  )
}

function useTime(): (value: string) => string {
  const locale = useLocale()
  const zone = useTimeZone() ?? 'UTC'
  return (value) => timeText(value, locale, zone)
}
