import { describe, expect, it } from 'vitest'
import { formatMark, formatTime, zoneOffset } from './time-format.ts'

const moment = new Date('2026-11-22T01:41:07.318Z')

describe('formatTime', () => {
  it('tells a time in the reader’s zone as English does', () => {
    const text = formatTime(moment, { locale: 'en', timeZone: 'Asia/Shanghai', precision: 'millisecond' })
    expect(text).toBe('22 Nov 2026, 09:41:07.318')
  })

  it('tells it as Chinese does', () => {
    const text = formatTime(moment, { locale: 'zh', timeZone: 'Asia/Shanghai', precision: 'second' })
    expect(text).toBe('2026年11月22日 09:41:07')
  })

  it('leaves out the day where the list names it', () => {
    const text = formatTime(moment, { locale: 'en', timeZone: 'UTC', precision: 'minute', dateless: true })
    expect(text).toBe('01:41')
  })
})

describe('formatMark', () => {
  it('names a place in time so that no other of the chart is called the same', () => {
    expect(formatMark(moment, 'weekday', 'en', 'UTC')).toBe('Sun 22')
    expect(formatMark(moment, 'day', 'en', 'UTC')).toBe('22 Nov')
    expect(formatMark(moment, 'month', 'en', 'UTC')).toBe('Nov 2026')
    expect(formatMark(moment, 'day', 'zh', 'Asia/Shanghai')).toBe('11月22日')
  })
})

describe('zoneOffset', () => {
  it.each([
    ['UTC', 'UTC'],
    ['Asia/Shanghai', 'UTC+8'],
    ['America/St_Johns', 'UTC−3:30'],
  ])('%s is %s', (zone, offset) => {
    expect(zoneOffset(moment, zone)).toBe(offset)
  })
})
