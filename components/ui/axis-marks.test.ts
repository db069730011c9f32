import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { axisMarks } from './axis-marks.ts'

const HOUR_MS = 3_600_000

/** The beginnings of `count` bars. */
function bars(from: string, widthMs: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => new Date(Date.parse(from) + index * widthMs).toISOString())
}
const wordsOf = (starts: string[], locale = 'en', zone = 'UTC') =>
  axisMarks(starts, locale, zone).map((mark) => mark.words)

describe('the marks below a chart', () => {
  it('name each day, over more than two', () => {
    const starts = bars('2026-11-16T00:00:00Z', 2 * HOUR_MS, 84)
    expect(wordsOf(starts)).toEqual(['Mon 16', 'Tue 17', 'Wed 18', 'Thu 19', 'Fri 20', 'Sat 21', 'Sun 22'])
  })

  it('name the day where one begins, between clock times, within two', () => {
    const starts = bars('2026-11-23T14:00:00Z', HOUR_MS / 2, 48)
    expect(wordsOf(starts)).toEqual(['Mon 23', '17:00', '20:00', 'Tue 24', '05:00', '08:00', '11:00'])
  })

  it('name the day of an hour, too', () => {
    expect(wordsOf(bars('2026-11-03T10:00:00Z', HOUR_MS / 60, 60))[0]).toBe('Tue 3')
  })

  it('have the reader’s midnight', () => {
    const starts = bars('2026-11-23T14:00:00Z', HOUR_MS / 2, 48)
    const marks = axisMarks(starts, 'zh', 'Asia/Shanghai')
    expect(marks.find(({ words }) => words === '24日周二')?.start).toBe('2026-11-23T16:00:00.000Z')
  })

  it('name a day that has only begun, at the edge', () => {
    const last = axisMarks(bars('2026-11-23T00:30:00Z', HOUR_MS / 2, 48), 'en', 'UTC').at(-1)
    expect(last).toMatchObject({ words: 'Tue 24', ends: { wide: true, phone: true }, onPhone: true })
  })

  it('of any time keep their distance, and say the newest day also on a phone', () => {
    const width = fc.integer({ min: 1, max: 36 }).map((minutes) => minutes * 60_000)
    const at = fc.date({ min: new Date('2026-01-01'), max: new Date('2027-01-01'), noInvalidDate: true })
    fc.assert(
      fc.property(at, width, fc.integer({ min: 2, max: 80 }), (from, widthMs, count) => {
        const marks = axisMarks(bars(from.toISOString(), widthMs, count), 'en', 'UTC')
        const phone = marks.filter(({ onPhone }) => onPhone)
        for (const [list, gap, end] of [
          [marks, 0.09, 0.94],
          [phone, 0.2, 0.84],
        ] as const) {
          const places = list.map((mark) => Math.min(mark.at, end))
          for (const [index, place] of places.slice(1).entries()) {
            expect(place - (places[index] ?? 0)).toBeGreaterThanOrEqual(gap)
          }
        }
        const newest = new Date(from.getTime() + (count - 1) * widthMs).getUTCDate()
        expect(phone.some(({ words }) => words.endsWith(` ${newest}`))).toBe(true)
      }),
    )
  })
})
