import { describe, expect, it } from 'vitest'
import { diffPolicies, loosens } from './diff.ts'
import { defaultPolicy, type PolicyDocument } from './document.ts'
import { policyWith } from './testing-policies.ts'

describe('diff', () => {
  const changeOf = (before: PolicyDocument, after: PolicyDocument) => diffPolicies(before, after)[0]

  it('is empty for equal documents', () => {
    expect(diffPolicies(defaultPolicy(), defaultPolicy())).toEqual([])
  })

  it.each<[string, (policy: PolicyDocument) => void]>([
    ['data.screenshot.mode', (policy) => Object.assign(policy.data.screenshot, { mode: 'block' })],
    ['data.forward.mode', (policy) => Object.assign(policy.data.forward, { mode: 'internal' })],
    ['data.download.mode', (policy) => Object.assign(policy.data.download, { mode: 'ask_reason' })],
    ['data.forward.askReason', (policy) => Object.assign(policy.data.forward, { askReason: true })],
    ['devices.browser.enrol', (policy) => Object.assign(policy.devices.browser, { enrol: 'block' })],
    ['devices.maxPerPerson', (policy) => Object.assign(policy.devices, { maxPerPerson: 3 })],
    ['devices.minAppVersion.ios', (policy) => Object.assign(policy.devices.minAppVersion, { ios: '2.0' })],
    ['devices.offlineHours', (policy) => Object.assign(policy.devices, { offlineHours: 0 })],
    ['devices.approval', (policy) => Object.assign(policy.devices, { approval: 'manual' })],
    ['signIn.secondFactor.mode', (policy) => Object.assign(policy.signIn.secondFactor, { mode: 'now' })],
  ])('%s is tighter one way and looser the other', (path, change) => {
    const tight = policyWith(change)
    expect(changeOf(defaultPolicy(), tight)).toMatchObject({ path, direction: 'tighter' })
    expect(changeOf(tight, defaultPolicy())).toMatchObject({ path, direction: 'looser' })
    expect(loosens(diffPolicies(tight, defaultPolicy()))).toBe(true)
    expect(loosens(diffPolicies(defaultPolicy(), tight))).toBe(false)
  })

  it('treats a swapped internal domain as looser', () => {
    const domains = (...internalDomains: string[]) =>
      policyWith((policy) => Object.assign(policy.data.forward, { mode: 'internal', internalDomains }))
    expect(changeOf(domains('a.com'), domains('b.com'))?.direction).toBe('looser')
    expect(changeOf(domains('a.com', 'b.com'), domains('b.com'))?.direction).toBe('tighter')
  })

  it('treats a watermark that is off, or names less, as looser', () => {
    const watermark = (mode: 'on' | 'off', template: string) =>
      policyWith(({ data }) => Object.assign(data, { watermark: { mode, template } }))
    const [named, more, other] = ['{name} {time}', '{name} {time} {device}', '{name} {email}']
    expect(changeOf(watermark('on', named), watermark('off', named))?.direction).toBe('looser')
    expect(changeOf(watermark('off', named), watermark('on', named))?.direction).toBe('tighter')
    expect(changeOf(watermark('on', named), watermark('on', more))?.direction).toBe('tighter')
    expect(changeOf(watermark('on', named), watermark('on', other))?.direction).toBe('looser')
    expect(changeOf(watermark('on', named), watermark('on', `Acme ${named}`))?.direction).toBe('neutral')
    expect(loosens(diffPolicies(watermark('off', named), watermark('on', 'Acme')))).toBe(false)
  })

  it('treats offline content in browsers as looser', () => {
    const offline = policyWith(({ devices }) => Object.assign(devices.browser, { offlineContent: true }))
    expect(changeOf(defaultPolicy(), offline)?.direction).toBe('looser')
  })

  it('counts what comes with leaving the loosest setting as no loosening of its own', () => {
    const internal = policyWith(({ data }) =>
      Object.assign(data.forward, { mode: 'internal', internalDomains: ['a.com'] }),
    )
    const required = policyWith(({ signIn }) => Object.assign(signIn.secondFactor, { mode: 'now', graceDays: 7 }))
    const blocked = policyWith(({ data }) => Object.assign(data.forward, { mode: 'block' }))
    expect(loosens(diffPolicies(defaultPolicy(), internal))).toBe(false)
    expect(loosens(diffPolicies(defaultPolicy(), required))).toBe(false)
    expect(loosens(diffPolicies(blocked, internal))).toBe(true)
    expect(loosens(diffPolicies(required, defaultPolicy()))).toBe(true)
  })
})
