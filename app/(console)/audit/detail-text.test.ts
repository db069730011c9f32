import { describe, expect, it } from 'vitest'
import en from '#messages/en/audit.json' with { type: 'json' }
import zh from '#messages/zh/audit.json' with { type: 'json' }
import { COMMAND_TYPES, WIPE_SCOPES } from '#protocol/device/commands.ts'
import { FILE_KINDS, RELEASE_PURPOSES } from '#protocol/device/messages.ts'
import { HOLD_KINDS } from '#server/audit/schema.ts'
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

  it('tells codes of ours by words, and leaves those that an app states as they are', () => {
    expect(shownDetail('scope', 'organisation-data')).toEqual([{ of: 'scope', code: 'organisation-data' }])
    expect(shownDetail('type', 'refresh-policy')).toEqual([{ of: 'type', code: 'refresh-policy' }])
    expect(shownDetail('method', 'password+totp')).toEqual([{ of: 'method', code: 'password+totp' }])
    expect(shownDetail('scope', 'device', false)).toEqual([{ text: 'device' }])
    expect(shownDetail('type', 'a.b C')).toEqual([{ text: 'a.b C' }])
    expect(shownDetail('leaseSeconds', '28800')).toEqual([{ seconds: 28_800 }])
    for (const { detailValue } of [en, zh]) {
      expect(Object.keys(detailValue.scope).sort()).toEqual([...WIPE_SCOPES].sort())
      expect(Object.keys(detailValue.type).sort()).toEqual([...COMMAND_TYPES].sort())
      expect(Object.keys(detailValue.purpose).sort()).toEqual([...RELEASE_PURPOSES].sort())
      expect(Object.keys(detailValue.kind).sort()).toEqual([...FILE_KINDS, ...HOLD_KINDS].sort())
    }
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
