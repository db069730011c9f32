import { useLocale, useTimeZone, useTranslations } from 'next-intl'
import { formatTime, type TimePrecision, zoneOffset } from './time-format.ts'

type Props = {
  value: string | Date | null | undefined
  /** IANA zone; the reader's unless a page says otherwise. */
  zone?: string
  precision?: TimePrecision
  /** Only the clock, where the day is told elsewhere. */
  dateless?: boolean
  /** Only where a heading or column head names the zone. */
  hideZone?: boolean
  className?: string
}

/** A moment with its zone. No value is said as “never”. */
export function Time({ value, zone, precision = 'minute', dateless = false, hideZone = false, className }: Props) {
  const t = useTranslations('common')
  const locale = useLocale()
  const readersZone = useTimeZone()
  if (!value) return <span className={className}>{t('never')}</span>
  const moment = new Date(value)
  const timeZone = zone ?? readersZone ?? 'UTC'
  return (
    // Browser and server may carry different editions of the same calendar words.
    <time dateTime={moment.toISOString()} className={className} suppressHydrationWarning>
      {formatTime(moment, { locale, timeZone, precision, dateless })}
      {!hideZone && precision !== 'day' && <span className="text-ink-3"> {zoneOffset(moment, timeZone)}</span>}
    </time>
  )
}

/** The reader's zone for a column head: “UTC+8”. `at` decides summer time. */
export function ZoneName({ at, zone }: { at: string | Date; zone?: string }) {
  const readersZone = useTimeZone()
  return <span className="text-ink-3">{zoneOffset(new Date(at), zone ?? readersZone ?? 'UTC')}</span>
}
