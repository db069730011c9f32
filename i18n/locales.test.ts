import { describe, expect, it } from 'vitest'
import { parseTheme, pickLocale, pickTimeZone } from './locales.ts'

describe('pickLocale', () => {
  it.each([
    ['zh', 'en-GB', 'zh'],
    [undefined, 'zh-CN,zh;q=0.9,en;q=0.8', 'zh'],
    [undefined, 'en;q=0.5, zh;q=0.9', 'zh'],
    [undefined, 'fr-FR, zh;q=0', 'en'],
    ['xx', null, 'en'],
    [undefined, ';;q=,,=', 'en'],
  ])('choice %s and browser %s give %s', (choice, header, locale) => {
    expect(pickLocale(choice, header)).toBe(locale)
  })
})

describe('pickTimeZone', () => {
  it.each([
    ['Asia/Shanghai', 'Asia/Shanghai'],
    [undefined, 'UTC'],
    ['Mars/Olympus', 'UTC'],
    ['\u0000', 'UTC'],
  ])('%s gives %s', (value, zone) => {
    expect(pickTimeZone(value)).toBe(zone)
  })
})

describe('parseTheme', () => {
  it('follows the system unless the cookie says otherwise', () => {
    expect([parseTheme('dark'), parseTheme('light'), parseTheme('pink'), parseTheme(undefined)]).toEqual([
      'dark',
      'light',
      'system',
      'system',
    ])
  })
})
