// PostgreSQL and the calendar know no year 0.
const STRICT = /^(?!0000)\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/
const RFC3339 = /^(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/

/** `2026-01-31T09:14:03.120Z`: RFC 3339 in UTC with milliseconds. Throws a RangeError outside the years 0001 to 9999. */
export function formatTime(time: Date | number): string {
  const ms = Math.trunc(Number(time))
  const number = Math.floor(ms / MINUTE_MS)
  let minute = minutes[number & (MINUTES - 1)]
  if (minute?.number !== number) {
    // Of NaN and of times that no Date holds, this is where they are refused.
    minute = { number, text: minuteOf(ms) }
    minutes[number & (MINUTES - 1)] = minute
  }
  const inMinute = ms - number * MINUTE_MS
  return minute.text + SECONDS[Math.floor(inMinute / 1_000)] + MILLISECONDS[inMinute % 1_000]
}

const MINUTE_MS = 60_000
const SECONDS = Array.from({ length: 60 }, (_, n) => String(n).padStart(2, '0'))
const MILLISECONDS = Array.from({ length: 1_000 }, (_, n) => `.${String(n).padStart(3, '0')}Z`)
// Times come by the thousand from a few minutes, and Date writes it anew for each.
const MINUTES = 64
const minutes = new Array<{ number: number; text: string } | undefined>(MINUTES).fill(undefined)

/** `2026-01-31T09:14:` */
function minuteOf(ms: number): string {
  const text = new Date(ms).toISOString()
  if (!STRICT.test(text)) throw new RangeError('the year is not one of 0001 to 9999')
  return text.slice(0, 17)
}

/** Whether `text` is exactly what `formatTime` writes, of a day and an hour that exist. */
export function isTime(text: string): boolean {
  return STRICT.test(text) && isExistingTime(text)
}

/** Whether a text of the form `dddd-dd-ddTdd:dd:dd.dddZ` names a day and an hour that exist. */
export function isExistingTime(text: string): boolean {
  const month = twoDigits(text, 5)
  const day = twoDigits(text, 8)
  if (month < 1 || month > 12 || day < 1 || day > daysIn(month, text)) return false
  if (twoDigits(text, 0) === 0 && twoDigits(text, 2) === 0) return false
  return twoDigits(text, 11) < 24 && twoDigits(text, 14) < 60 && twoDigits(text, 17) < 60
}

// By hand: a verifier asks for every entry of a log, and Date takes ten times as long.
function twoDigits(text: string, at: number): number {
  return (text.charCodeAt(at) - 48) * 10 + text.charCodeAt(at + 1) - 48
}

function daysIn(month: number, text: string): number {
  if (month !== 2) return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31
  const inCentury = twoDigits(text, 2)
  const isLeap = inCentury === 0 ? twoDigits(text, 0) % 4 === 0 : inCentury % 4 === 0
  return isLeap ? 29 : 28
}

/** The time of a text in the form of `formatTime`. Throws a TypeError on any other. */
export function parseTime(text: string): Date {
  if (!isTime(text)) throw new TypeError('not a time like 2026-01-31T09:14:03.120Z')
  return new Date(text)
}

/**
 * The time of any RFC 3339 text (offset, up to nine decimals, cut to milliseconds); null when it is none.
 * A leap second counts as the last millisecond of its minute.
 */
export function parseRfc3339(text: string): Date | null {
  const match = RFC3339.exec(text)
  if (match === null) return null
  const [, day = '', clock = '', decimals = '', sign, hours = '0', minutes = '0'] = match
  const leap = clock.endsWith(':60')
  const milliseconds = leap ? '999' : decimals.padEnd(3, '0').slice(0, 3)
  const utc = `${day}T${leap ? clock.replace(/60$/, '59') : clock}.${milliseconds}Z`
  if (!isTime(utc) || Number(hours) > 23 || Number(minutes) > 59) return null
  const offsetMs = (Number(hours) * 60 + Number(minutes)) * 60_000
  const time = new Date(Date.parse(utc) + (sign === '-' ? offsetMs : -offsetMs))
  // The offset may lead out of the years that have a form.
  return STRICT.test(time.toISOString()) ? time : null
}
