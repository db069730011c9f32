import { parseRfc3339 } from '#lib/time.ts'

const DAY_MS = 86_400_000
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

/** Letters of a pattern, as in Unicode's UTS 35, and what they match. Anything else stands for itself. */
const PARTS: Record<string, string> = {
  yyyy: '\\d{4}',
  MMM: '[A-Za-z]{3}',
  MM: '\\d{2}',
  M: '\\d{1,2}',
  dd: '\\d{2}',
  d: '\\d{1,2}',
  HH: '\\d{2}',
  H: '\\d{1,2}',
  hh: '\\d{2}',
  h: '\\d{1,2}',
  mm: '\\d{2}',
  ss: '\\d{2}',
  S: '\\d{1,9}',
  a: '[AaPp][Mm]',
  X: '(?:Z|[+-]\\d{2}:?\\d{2})',
}
const TOKEN = /yyyy|MMM|MM|M|dd|d|HH|H|hh|h|mm|ss|S+|a|X+|'[^']*'|[^A-Za-z']/gy

type Part = keyof typeof PARTS
type Pattern = { regex: RegExp; parts: Part[] }

/** Reads a time of the file; null where the text is none. */
export type TimeReader = (text: string) => Date | null

/** Whether times can be read by it: `rfc3339`, `unix`, `unix_ms` or a pattern of parts. */
export function isTimeFormat(format: string): boolean {
  return format === 'rfc3339' || format === 'unix' || format === 'unix_ms' || compile(format) !== null
}

/** An IANA name, or an offset like +02:00. */
export function isZone(zone: string): boolean {
  if (offsetOf(zone) !== null) return true
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return true
  } catch {
    return false
  }
}

/**
 * A reader of times in `format`. A local time that a zone has twice (the clock was set back) is taken as the earlier one; one
 * that it never had is none.
 */
export function timeReader(format: string, zone: string): TimeReader {
  if (format === 'rfc3339') return parseRfc3339
  if (format === 'unix') return (text) => fromNumber(text, 1_000)
  if (format === 'unix_ms') return (text) => fromNumber(text, 1)
  const pattern = compile(format)
  if (!pattern) throw new TypeError('not a format of times')
  const toUtc = zoneReader(zone)
  return (text) => readPattern(pattern, text, toUtc)
}

function fromNumber(text: string, factor: number): Date | null {
  return /^-?\d{1,14}(\.\d{1,9})?$/.test(text) ? inYears(Math.floor(Number(text) * factor)) : null
}

/** The years that an entry's times have a form for. */
function inYears(ms: number): Date | null {
  const at = new Date(ms)
  return Number.isNaN(ms) || at.getTime() !== ms || !/^(?!0000)\d{4}-/.test(at.toISOString()) ? null : at
}

function compile(format: string): Pattern | null {
  const parts: Part[] = []
  let source = ''
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < format.length) {
    const token = TOKEN.exec(format)?.[0]
    if (token === undefined) return null
    const part = /^S+$/.test(token) ? 'S' : /^X+$/.test(token) ? 'X' : token
    const matches = PARTS[part]
    if (matches === undefined) source += literal(token.replaceAll("'", ''))
    else {
      parts.push(part)
      source += `(${matches})`
    }
  }
  const has = (...names: Part[]) => names.some((name) => parts.includes(name))
  const isWhole = has('yyyy') && has('MMM', 'MM', 'M') && has('dd', 'd') && new Set(parts).size === parts.length
  return isWhole ? { regex: new RegExp(`^${source}$`), parts } : null
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')
}

function readPattern({ regex, parts }: Pattern, text: string, toUtc: (localMs: number) => number | null): Date | null {
  const match = regex.exec(text)
  if (!match) return null
  const found = new Map(parts.map((part, position) => [part, match[position + 1] ?? '']))
  const localMs = localOf(found)
  if (localMs === null) return null
  const offset = found.get('X')
  const ms = offset === undefined ? toUtc(localMs) : localMs - (offsetOf(offset) ?? Number.NaN)
  return ms === null ? null : inYears(ms)
}

function localOf(found: ReadonlyMap<Part, string>): number | null {
  const number = (...names: Part[]) => Number(names.map((name) => found.get(name)).find(Boolean) ?? 0)
  const named = found.get('MMM')
  const month = named === undefined ? number('MM', 'M') - 1 : MONTHS.indexOf(named.toLowerCase())
  const hour = hourOf(found, number('HH', 'H', 'hh', 'h'))
  const [year, day, minute, second] = [number('yyyy'), number('dd', 'd'), number('mm'), number('ss')]
  if (hour === null || minute > 59 || second > 59) return null
  const at = new Date(0)
  at.setUTCFullYear(year, month, day)
  // The way back catches 30 February.
  if (at.getUTCFullYear() !== year || at.getUTCMonth() !== month || at.getUTCDate() !== day) return null
  const fraction = Number((found.get('S') ?? '').padEnd(3, '0').slice(0, 3))
  return at.getTime() + ((hour * 60 + minute) * 60 + second) * 1_000 + fraction
}

function hourOf(found: ReadonlyMap<Part, string>, hour: number): number | null {
  const half = found.get('a')?.toLowerCase()
  if (half === undefined) return hour > 23 ? null : hour
  if (hour < 1 || hour > 12) return null
  return (hour % 12) + (half === 'pm' ? 12 : 0)
}

/** Milliseconds east of UTC; null when it is no offset. */
function offsetOf(text: string): number | null {
  if (text === 'Z' || text === 'UTC') return 0
  const [, sign, hours = '', minutes = ''] = /^([+-])(\d{2}):?(\d{2})$/.exec(text) ?? []
  if (sign === undefined || Number(hours) > 23 || Number(minutes) > 59) return null
  return (Number(hours) * 60 + Number(minutes)) * 60_000 * (sign === '-' ? -1 : 1)
}

function zoneReader(zone: string): (localMs: number) => number | null {
  const fixed = offsetOf(zone)
  if (fixed !== null) return (localMs) => localMs - fixed
  const offsetAt = zoneOffsets(zone)
  return (localMs) => {
    const candidates = [localMs - offsetAt(localMs - DAY_MS), localMs - offsetAt(localMs + DAY_MS)]
    const real = candidates.filter((ms) => ms + offsetAt(ms) === localMs)
    return real.length > 0 ? Math.min(...real) : null
  }
}

const QUARTER_MS = 15 * 60_000
const REMEMBERED = 10_000

/** Offsets change at quarter hours alone; each is asked for once. */
function zoneOffsets(zone: string): (ms: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    era: 'short',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  const known = new Map<number, number>()
  return (ms) => {
    const quarter = Math.floor(ms / QUARTER_MS)
    const before = known.get(quarter)
    if (before !== undefined) return before
    const start = quarter * QUARTER_MS
    const parts = new Map(format.formatToParts(start).map(({ type, value }) => [type, value]))
    const of = (type: Intl.DateTimeFormatPartTypes) => Number(parts.get(type))
    const year = parts.get('era') === 'BC' ? 1 - of('year') : of('year')
    const local = new Date(0)
    local.setUTCFullYear(year, of('month') - 1, of('day'))
    const offset = local.getTime() + ((of('hour') * 60 + of('minute')) * 60 + of('second')) * 1_000 - start
    if (known.size >= REMEMBERED) known.clear()
    known.set(quarter, offset)
    return offset
  }
}
