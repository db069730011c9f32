import { useTranslations } from 'next-intl'
import type { ReactNode } from 'react'
import { Card, Panel } from '#components/ui/card.tsx'
import { DefinitionList } from '#components/ui/definition-list.tsx'
import { Link } from '#components/ui/link.tsx'
import { Notice } from '#components/ui/notice.tsx'
import { Time } from '#components/ui/time.tsx'
import type { PolicyDocument } from '#protocol/policy/document.ts'
import type { PolicyForecast } from '#server/policies/schema.ts'

type Props = { forecast: PolicyForecast; document: PolicyDocument; isDraft: boolean }

/** What publishing would do, each figure with the list behind it. */
export function ForecastPanel({ forecast, document, isDraft }: Props) {
  const t = useTranslations('policies.forecast')
  const { people, devices } = forecast
  const { forward } = document.data
  return (
    <Card>
      <Panel title={isDraft ? t('title') : t('current')}>
        <DefinitionList
          items={[
            { term: t('people'), value: t('peopleText', { count: people.active }) },
            { term: t('factor'), value: <Factor people={people} /> },
            {
              term: t('cap'),
              value:
                people.aboveDeviceCap.count === 0 ? (
                  t('capNone')
                ) : (
                  <Seen list="cap">{t('capSome', { count: people.aboveDeviceCap.count })}</Seen>
                ),
            },
            {
              term: t('devices'),
              value:
                devices.belowMinimum.count === 0 ? (
                  t('belowNone')
                ) : (
                  <Seen list="below">{t('belowSome', { count: devices.belowMinimum.count })}</Seen>
                ),
            },
            {
              term: t('browsers'),
              value: t(devices.browsers.newOnes === 'block' ? 'browsersStay' : 'browsersText', {
                count: devices.browsers.enrolled,
              }),
            },
            { term: t('reach'), value: t('reachText', { connected: devices.connected, active: devices.active }) },
          ]}
        />
        {forward.mode === 'internal' && forward.internalDomains.length === 0 && <Notice>{t('internalEmpty')}</Notice>}
        <Lockout reasons={forecast.lockout} />
      </Panel>
    </Card>
  )
}

function Seen({ list, children }: { list: string; children: ReactNode }) {
  const t = useTranslations('policies.forecast')
  return (
    <>
      <strong>{children}</strong>{' '}
      <Link href={`/policies/affected#${list}`} className="underline">
        {t('see')}
      </Link>
    </>
  )
}

function Factor({ people }: { people: PolicyForecast['people'] }) {
  const t = useTranslations('policies.forecast')
  if (!people.factorDeadline) return t('factorOff')
  if (people.withoutFactor.count === 0) return t('factorAll')
  return (
    <Seen list="factor">
      {t('factorSome', { count: people.withoutFactor.count })} <Time value={people.factorDeadline} />
    </Seen>
  )
}

/** Why it would be refused, and what to do about it. */
export function Lockout({ reasons }: { reasons: PolicyForecast['lockout'] }) {
  const t = useTranslations('policies.lockout')
  if (reasons.length === 0) return null
  return (
    <Notice tone="danger" className="mt-3">
      <p className="font-semibold">{t('title')}</p>
      {reasons.map((reason) => (
        <p key={reason}>{t(reason)}</p>
      ))}
      <p className="mt-1 flex flex-wrap gap-3">
        {reasons.includes('acting_owner') && <Link href="/account">{t('account')}</Link>}
        {reasons.includes('owners') && <Link href="/people?role=owner">{t('people')}</Link>}
      </p>
    </Notice>
  )
}
