import { formatTime } from './time.ts'

const QUARTER_MS = 900_000
const MINUTE_MS = 60_000
const OFFSET = /^([+-])(\d{2}):(\d{2})$/

/** Writes times as a clock of one zone shows them: `2026-01-31T17:14:03.120+08:00`; of UTC with `Z`. */
export type ZonedClock = (timeMs: number) => string

/** The clock of an IANA zone. Throws a RangeError when there is no such zone. */
export function zonedClock(timeZone: string): ZonedClock {
  const offsetOf = zoneOffsets(timeZone)
  // Times that follow each other share a few minutes: only their seconds are written anew.
  const minutes = new Map<number, { before: string; behind: string }>()
  return (timeMs) => {
    const at = Math.floor(timeMs / MINUTE_MS)
    let minute = minutes.get(at)
    if (!minute) {
      const text = withOffset(at * MINUTE_MS, offsetOf(timeMs))
      minute = { before: text.slice(0, SECONDS_AT), behind: text.slice(SECONDS_END) }
      if (minutes.size >= KEPT_MINUTES) minutes.clear()
      minutes.set(at, minute)
    }
    const rest = timeMs - at * MINUTE_MS
    return minute.before + SECONDS[Math.floor(rest / 1_000)] + THOUSANDTHS[rest % 1_000] + minute.behind
  }
}

const KEPT_MINUTES = 5_000
const SECONDS_AT = '2026-01-31T17:14:'.length
const SECONDS_END = '2026-01-31T17:14:03.120'.length
const SECONDS = Array.from({ length: 60 }, (_, n) => `${String(n).padStart(2, '0')}.`)
const THOUSANDTHS = Array.from({ length: 1_000 }, (_, n) => String(n).padStart(3, '0'))

/** Whether there is such an IANA zone. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name })
    return true
  } catch {
    return false
  }
}

/** The offset that a time of `zonedClock` states, in minutes; null when it states none. */
export function statedOffset(text: string): number | null {
  if (text.endsWith('Z')) return 0
  const match = OFFSET.exec(text.slice(-6))
  if (!match) return null
  const minutes = Number(match[2]) * 60 + Number(match[3])
  return match[1] === '-' ? -minutes : minutes
}

/** The time as a clock shows it that is `offsetMinutes` ahead of UTC. */
export function withOffset(timeMs: number, offsetMinutes: number): string {
  if (offsetMinutes === 0) return formatTime(timeMs)
  const local = new Date(timeMs + offsetMinutes * MINUTE_MS).toISOString().slice(0, -1)
  const ahead = Math.abs(offsetMinutes)
  const digits = (value: number) => String(value).padStart(2, '0')
  return `${local}${offsetMinutes < 0 ? '-' : '+'}${digits(Math.floor(ahead / 60))}:${digits(ahead % 60)}`
}

/** Minutes ahead of UTC. Zones change on quarters of an hour at most: one look-up serves all times within. */
function zoneOffsets(timeZone: string): (timeMs: number) => number {
  const names = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' })
  let quarter = Number.NaN
  let offset = 0
  const known = new Map<number, number>()
  return (timeMs) => {
    const at = Math.floor(timeMs / QUARTER_MS)
    if (at === quarter) return offset
    quarter = at
    offset = known.get(at) ?? readOffset(names, timeMs)
    if (known.size > 10_000) known.clear()
    known.set(at, offset)
    return offset
  }
}

function readOffset(names: Intl.DateTimeFormat, timeMs: number): number {
  const name = names.formatToParts(timeMs).find(({ type }) => type === 'timeZoneName')?.value ?? ''
  // `GMT`, `GMT+08:00`; before zones were standardised also `GMT+08:05:43`, which has no form in RFC 3339.
  return statedOffset(name.slice(3, 9)) ?? 0
}
