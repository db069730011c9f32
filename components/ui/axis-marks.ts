import { formatMark, formatTime, type MarkWords } from './time-format.ts'

/** Words below a chart over time; `at` is their place from 0 (left) to 1. */
export type AxisMark = {
  start: string
  at: number
  words: string
  /** So near to the right edge that its words end there, on a wide screen or on a phone. */
  ends: { wide: boolean; phone: boolean }
  onPhone: boolean
}

type Candidate = { start: string; at: number; words: string; isDay: boolean }

const MOST_MARKS = 8
const DAY_MS = 86_400_000
/** How far apart marks have to be and from where on their words would leave the card, as shares of its width. */
const WIDE = { gap: 0.09, end: 0.94 }
const PHONE = { gap: 0.2, end: 0.84 }

/**
 * Where a new day (of years: month) begins in the reader's zone; within two days, clock times at even distances, and in place of one
 * the day wherever one begins. `starts` are the beginnings of bars of one width, in order.
 */
export function axisMarks(starts: readonly string[], locale: string, timeZone: string): AxisMark[] {
  const [first, last] = [starts[0], starts.at(-1)]
  if (first === undefined || last === undefined) return []
  const spanMs = Date.parse(last) - Date.parse(first)
  const places = { starts, spanMs, locale, timeZone }
  const wide = spread(spanMs < 2 * DAY_MS ? clockMarks(places) : dayMarks(places), WIDE)
  const phone = new Set(spread(wide, PHONE))
  return [...wide]
    .sort((a, b) => a.at - b.at)
    .map((mark) => ({
      start: mark.start,
      at: mark.at,
      words: mark.words,
      ends: { wide: mark.at > WIDE.end, phone: mark.at > PHONE.end },
      onPhone: phone.has(mark),
    }))
}

type Places = { starts: readonly string[]; spanMs: number; locale: string; timeZone: string }

/** What matters most first: the newest day. */
function clockMarks({ starts, spanMs, locale, timeZone }: Places): Candidate[] {
  // Below, neighbouring marks would share their minute.
  const precision = spanMs < MOST_MARKS * 60_000 ? 'second' : 'minute'
  const days = dayMarks({ starts, spanMs, locale, timeZone })
  const step = Math.ceil(starts.length / MOST_MARKS)
  const clocks = starts.map((start, index) => ({
    start,
    at: index / starts.length,
    words: formatTime(new Date(start), { locale, timeZone, precision, dateless: true }),
    isDay: false,
  }))
  return [...days.reverse(), ...clocks.filter((_, index) => index % step === 0)]
}

/** Weekdays repeat after a week, days of the year after a year. */
function wordsFor(spanMs: number): MarkWords {
  if (spanMs < 8 * DAY_MS) return 'weekday'
  return spanMs < 300 * DAY_MS ? 'day' : 'month'
}

function dayMarks({ starts, spanMs, locale, timeZone }: Places): Candidate[] {
  const all = starts.map((start, index) => ({
    start,
    at: index / starts.length,
    words: formatMark(new Date(start), wordsFor(spanMs), locale, timeZone),
    isDay: true,
  }))
  const fresh = all.filter((mark, index) => mark.words !== all[index - 1]?.words)
  const step = Math.ceil(fresh.length / MOST_MARKS)
  // The words of a short first day would meet those of the second.
  const isShort = (fresh[1]?.at ?? 1) < WIDE.gap
  return fresh.filter((_, index) => index % step === 0 && !(index === 0 && isShort))
}

/** Those that keep their distance from all before them in the list; of clock times only such as have room for their words. */
function spread(marks: readonly Candidate[], { gap, end }: typeof WIDE): Candidate[] {
  const kept: Candidate[] = []
  const placeOf = (mark: Candidate) => Math.min(mark.at, end)
  for (const mark of marks) {
    const hasRoom = mark.isDay || mark.at <= end
    if (hasRoom && kept.every((other) => Math.abs(placeOf(other) - placeOf(mark)) >= gap)) kept.push(mark)
  }
  return kept
}
