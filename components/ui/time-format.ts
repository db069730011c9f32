/** How exact a time is told. */
export type TimePrecision = 'day' | 'minute' | 'second' | 'millisecond'

type Options = { locale: string; timeZone: string; precision: TimePrecision; dateless?: boolean }

// Making a formatter costs more than using it a hundred times, and lists draw the same one for each row.
const formatters = new Map<string, Intl.DateTimeFormat>()

/** “22 Nov 2026, 09:41:07.318” or “2026年11月22日 09:41:07.318”, without the zone. */
export function formatTime(value: Date, { locale, timeZone, precision, dateless = false }: Options): string {
  const key = [locale, timeZone, precision, dateless].join('|')
  const known = formatters.get(key)
  const formatter = known ?? new Intl.DateTimeFormat(regionOf(locale), { timeZone, ...fields(precision, dateless) })
  if (!known) formatters.set(key, formatter)
  return formatter.format(value)
}

/** How charts name a place in time: the day of a week, the day of a year, or the month. */
export type MarkWords = 'weekday' | 'day' | 'month'

const marks: Record<MarkWords, Intl.DateTimeFormatOptions> = {
  weekday: { weekday: 'short', day: 'numeric' },
  day: { day: 'numeric', month: 'short' },
  month: { month: 'short', year: 'numeric' },
}

/** “Mon 16”, “16日周一”; “16 Nov”, “11月16日”; “Nov 2026”, “2026年11月”. */
export function formatMark(value: Date, words: MarkWords, locale: string, timeZone: string): string {
  const key = `${words}|${locale}|${timeZone}`
  const known = formatters.get(key)
  const formatter = known ?? new Intl.DateTimeFormat(regionOf(locale), { timeZone, ...marks[words] })
  if (!known) formatters.set(key, formatter)
  return formatter.format(value)
}

/** The zone as a distance from UTC at that moment: “UTC”, “UTC+8”, “UTC−3:30”. */
export function zoneOffset(value: Date, timeZone: string): string {
  const key = `zone|${timeZone}`
  const known = formatters.get(key)
  const formatter = known ?? new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'shortOffset' })
  if (!known) formatters.set(key, formatter)
  const name = formatter.formatToParts(value).find((part) => part.type === 'timeZoneName')?.value ?? 'UTC'
  return name
    .replace(/^GMT([+-]0)?$/, 'UTC')
    .replace('GMT', 'UTC')
    .replace('-', '−')
}

function regionOf(locale: string): string {
  return locale === 'en' ? 'en-GB' : 'zh-CN'
}

function fields(precision: TimePrecision, dateless: boolean): Intl.DateTimeFormatOptions {
  const date: Intl.DateTimeFormatOptions = dateless ? {} : { day: 'numeric', month: 'short', year: 'numeric' }
  if (precision === 'day') return date
  const clock: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }
  if (precision === 'minute') return { ...date, ...clock }
  const exact: Intl.DateTimeFormatOptions = { ...date, ...clock, second: '2-digit' }
  return precision === 'second' ? exact : { ...exact, fractionalSecondDigits: 3 }
}
