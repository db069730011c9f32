import { describe, expect, it } from 'vitest'
import { shownDetail } from './_detail-text.ts'

describe('what an entry says beyond its fields', () => {
  it('is told in the words of the page where it is set', () => {
    expect(shownDetail('data.screenshot.mode', 'block')).toEqual([{ word: 'block' }])
    expect(shownDetail('devices.minAppVersion.agent', 'none')).toEqual([{ word: 'any' }])
    expect(shownDetail('devices.minAppVersion.agent', '2.3.0')).toEqual([{ text: '2.3.0' }])
    expect(shownDetail('data.forward.internalDomains', [])).toEqual([{ word: 'none' }])
    expect(shownDetail('data.forward.askReason', 'true')).toEqual([{ word: 'yes' }])
    expect(shownDetail('role', 'compliance')).toEqual([{ role: 'compliance' }])
  })

  it('tells periods of keeping as such', () => {
    expect(shownDetail('activity', '90 days')).toEqual([{ days: 90 }])
    expect(shownDetail('activity', 'for ever')).toEqual([{ days: null }])
    expect(shownDetail('archive', 'after 30 days')).toEqual([{ days: 30 }])
    expect(shownDetail('archive', 'never')).toEqual([{ days: null }])
    expect(shownDetail('note', 'never')).toEqual([{ text: 'never' }])
    expect(shownDetail('state', 'delayed')).toEqual([{ state: 'delayed' }])
  })

  it('tells moments as moments, and what it does not know as it stands', () => {
    expect(shownDetail('offlineUntil', '2026-11-23T21:06:27.998Z')).toEqual([
      { at: new Date('2026-11-23T21:06:27.998Z') },
    ])
    expect(shownDetail('note', '2026-11-23')).toEqual([{ text: '2026-11-23' }])
    expect(shownDetail('note', 'none')).toEqual([{ text: 'none' }])
    expect(shownDetail('audience', ['Ana', 'Ben'])).toEqual([{ text: 'Ana' }, { text: 'Ben' }])
  })
})
