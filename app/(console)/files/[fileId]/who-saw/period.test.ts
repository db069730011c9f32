import { describe, expect, test } from 'vitest'
import { fixedHref, periodOf } from './_period.ts'

describe('the period of the address', () => {
  test('is the clock on the wall as the form sends it, or moments, which mean the same to everybody', () => {
    const sent = { from: '2026-11-22T09:00', to: '2026-11-23T09:00:30' }
    const period = periodOf(sent, 'Asia/Shanghai')
    expect(period).toEqual({ from: '2026-11-22T01:00:00.000Z', to: '2026-11-23T01:00:30.000Z', isWrong: false })
    const fixed = fixedHref('/who-saw', sent, period) ?? ''
    const params = Object.fromEntries(new URL(fixed, 'http://x').searchParams)
    expect(periodOf(params, 'America/New_York')).toEqual(period)
    expect(fixedHref('/who-saw', params, period)).toBeNull()
  })

  test('stays what it is where it cannot be read, or is the wrong way round', () => {
    for (const sent of [{ from: 'soon' }, { from: '2026-11-23T09:00', to: '2026-11-22T09:00' }]) {
      const period = periodOf(sent, 'UTC')
      expect(period).toEqual({ isWrong: true })
      expect(fixedHref('/who-saw', sent, period)).toBeNull()
    }
    expect(periodOf({ from: ' ', to: '' }, 'UTC')).toEqual({ isWrong: false })
  })
})
