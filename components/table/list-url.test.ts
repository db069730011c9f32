import { describe, expect, it } from 'vitest'
import { formatSort, listHref, parseSort } from './list-url.ts'

describe('listHref', () => {
  const current = new URLSearchParams('q=a+b&status=active&cursor=xyz')

  it('drops the cursor when asked and keeps the rest', () => {
    expect(listHref('/devices', current, { status: 'blocked', cursor: null })).toBe('/devices?q=a+b&status=blocked')
  })

  it('removes an emptied filter', () => {
    expect(listHref('/devices', current, { q: '', status: null, cursor: null })).toBe('/devices')
  })

  it('leaves the given parameters alone', () => {
    listHref('/devices', current, { q: null })
    expect(current.get('q')).toBe('a b')
  })
})

describe('sort', () => {
  it.each(['name', '-lastSeen'])('%s survives reading and writing', (value) => {
    const sort = parseSort(value)
    expect(sort && formatSort(sort)).toBe(value)
  })

  it('is null where there is none', () => {
    expect([parseSort(null), parseSort('')]).toEqual([null, null])
  })
})
