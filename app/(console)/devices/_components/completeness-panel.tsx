import { getTranslations } from 'next-intl/server'
import type { ReactNode } from 'react'
import { Panel } from '#components/ui/card.tsx'
import { Mono } from '#components/ui/mono.tsx'
import { Tag, type Tone } from '#components/ui/tag.tsx'
import { Time } from '#components/ui/time.tsx'
import { getDeviceCompleteness } from '#server/devices/queries.ts'
import { type DeviceView, type NumberRange, SILENT_DAYS } from '#server/devices/schema.ts'
import type { PersonActor } from '#server/kernel/actor.ts'

const SHOWN_RANGES = 8
const HOUR_MS = 3_600_000

/** What is known to be lacking in what the device reported, and what nobody can know. */
export async function CompletenessPanel({ device, actor }: { device: DeviceView; actor: PersonActor }) {
  const t = await getTranslations('devices.completeness')
  const found = await getDeviceCompleteness(actor, { deviceId: device.id })
  const { missing, missingBefore, givenUpThrough, silentSince, late, clockSuspect, lastContactAt } = found
  const facts: { key: string; tone: Tone; tag: string; text: ReactNode }[] = []
  const say = (key: string, tag: string, text: ReactNode, tone: Tone = 'warn') => facts.push({ key, tone, tag, text })
  if (missing.length > 0) say('missing', t('filter.missing'), <Ranges ranges={missing} />)
  if (missingBefore.length > 0)
    say(
      'before',
      t('before'),
      <>
        <Ranges ranges={missingBefore} /> {t('beforeText')}
      </>,
    )
  if (givenUpThrough > 0) say('givenUp', t('givenUp'), t('givenUpText', { number: givenUpThrough }))
  if (silentSince)
    say(
      'silent',
      t('filter.silent'),
      <>
        <Time value={silentSince} /> · {t('silentRule', { days: SILENT_DAYS })}
      </>,
    )
  if (late) {
    const hours = Math.round(late.longestMs / HOUR_MS)
    const longest = hours < 48 ? t('hours', { count: hours }) : t('days', { count: Math.round(hours / 24) })
    say(
      'late',
      t('filter.late'),
      <>
        {t('lateText', { count: late.events, longest })} <Time value={late.at} />
      </>,
      'neutral',
    )
  }
  if (clockSuspect)
    say(
      'clock',
      t('filter.clock'),
      <>
        {t('clockText', { count: clockSuspect.events })} <Time value={clockSuspect.at} />
      </>,
    )
  return (
    <Panel title={t('title')} level={3} className="border-t border-line">
      {facts.length === 0 && <p>{t('whole')}</p>}
      <ul>
        {facts.map(({ key, tone, tag, text }) => (
          <li key={key} className="py-0.5">
            <Tag tone={tone}>{tag}</Tag> {text}
          </li>
        ))}
      </ul>
      <p className="mt-1 text-ink-3">
        {t('unknownAfter')} <Time value={lastContactAt} />
      </p>
    </Panel>
  )
}

function Ranges({ ranges }: { ranges: readonly NumberRange[] }) {
  const shown = ranges.slice(0, SHOWN_RANGES).map(({ from, to }) => (from === to ? String(from) : `${from}–${to}`))
  return <Mono>{[...shown, ...(ranges.length > SHOWN_RANGES ? ['…'] : [])].join(', ')}</Mono>
}
