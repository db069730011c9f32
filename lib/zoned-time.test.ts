import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isTimeZone, statedOffset, withOffset, zonedClock } from './zoned-time.ts'

describe('a zoned clock', () => {
  it('shows the same moment as the platform does, whatever was asked before', () => {
    for (const timeZone of [
      'UTC',
      'Asia/Shanghai',
      'Europe/Berlin',
      'America/St_Johns',
      'Asia/Kathmandu',
      'Australia/Lord_Howe',
    ]) {
      const clock = zonedClock(timeZone)
      const format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' })
      fc.assert(
        fc.property(fc.integer({ min: Date.UTC(1975, 0), max: Date.UTC(2040, 0) }), fc.nat(5_000), (start, step) => {
          for (const timeMs of [start, start + step, start + 90_000]) {
            const text = clock(timeMs)
            expect(Date.parse(text)).toBe(timeMs)
            expect(text.slice(0, 19).replace('T', ' ')).toBe(format.format(timeMs))
            expect(withOffset(timeMs, statedOffset(text) ?? Number.NaN)).toBe(text)
          }
        }),
        { numRuns: 60 },
      )
    }
  })

  it('changes with summer time, and knows which zones there are', () => {
    const clock = zonedClock('Europe/Berlin')
    expect(clock(Date.UTC(2026, 2, 29, 0, 59, 59, 999))).toBe('2026-03-29T01:59:59.999+01:00')
    expect(clock(Date.UTC(2026, 2, 29, 1, 0))).toBe('2026-03-29T03:00:00.000+02:00')
    expect([isTimeZone('Europe/Berlin'), isTimeZone('Mars/Olympus')]).toEqual([true, false])
    expect(() => zonedClock('Mars/Olympus')).toThrow(RangeError)
  })
})
