'use client'

import { useFormatter, useLocale, useNow, useTimeZone, useTranslations } from 'next-intl'
import { formatTime, zoneOffset } from './time-format.ts'

/** “37 minutes ago”, counting on; the exact moment with its zone as title. */
export function RelativeTime({ value, className }: { value: string | Date | null | undefined; className?: string }) {
  const t = useTranslations('common')
  const format = useFormatter()
  const locale = useLocale()
  const timeZone = useTimeZone() ?? 'UTC'
  const now = useNow({ updateInterval: 15_000 })
  if (!value) return <span className={className}>{t('never')}</span>
  const moment = new Date(value)
  const exact = `${formatTime(moment, { locale, timeZone, precision: 'second' })} ${zoneOffset(moment, timeZone)}`
  // A clock a little ahead of ours must not say “in 2 seconds” of something that happened.
  const past = moment.getTime() - now.getTime() < 60_000 && moment > now ? now : moment
  return (
    <time dateTime={moment.toISOString()} title={exact} className={className} suppressHydrationWarning>
      {format.relativeTime(past, now)}
    </time>
  )
}
