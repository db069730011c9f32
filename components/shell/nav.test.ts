import { describe, expect, it } from 'vitest'
import { currentItem, type NavGroup } from './nav.ts'

const groups: NavGroup[] = [
  { key: 'top', items: [{ key: 'overview', href: '/' }] },
  {
    key: 'protect',
    items: [
      { key: 'devices', href: '/devices' },
      { key: 'wipes', href: '/devices/wipes' },
    ],
  },
]

describe('currentItem', () => {
  it.each([
    ['/', 'overview'],
    ['/devices', 'devices'],
    ['/devices/1/erase', 'devices'],
    ['/devices/wipes/2', 'wipes'],
    ['/devices-old', undefined],
    ['/people', undefined],
  ])('%s belongs to %s', (path, key) => {
    expect(currentItem(groups, path)).toBe(key)
  })
})
