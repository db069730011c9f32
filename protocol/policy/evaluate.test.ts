import { describe, expect, it } from 'vitest'
import { defaultPolicy, type PolicyDocument } from './document.ts'
import {
  evaluate,
  honestClaim,
  isAppVersionAccepted,
  type PolicyContext,
  requiredAppVersion,
  secondFactorDeadlineMs,
} from './evaluate.ts'
import { captureMechanism } from './platforms.ts'
import { policyWith } from './testing-policies.ts'

const context: PolicyContext = {
  action: 'screenshot.attempt',
  platform: 'android',
  osVersion: '14',
  capabilities: { preventCapture: true },
}

describe('screenshot', () => {
  const blocked = policyWith((policy) => {
    policy.data.screenshot.mode = 'block'
  })

  it('is denied where a listed mechanism prevents it', () => {
    expect(evaluate(blocked, context)).toEqual({
      outcome: 'denied',
      enforcement: 'prevented',
      rule: 'data.screenshot',
      effect: 'block',
      denial: 'blocked',
      mechanism: 'android.FLAG_SECURE',
    })
  })

  it.each<Partial<PolicyContext>>([
    { platform: 'ios', osVersion: '18' },
    { platform: 'macos', osVersion: '15' },
    { platform: 'linux', osVersion: '6' },
    { platform: 'browser', osVersion: '140' },
    { platform: 'windows', osVersion: '10.0.18363' },
    { platform: 'android', osVersion: undefined },
    { platform: 'android', osVersion: 'unknown' },
    { capabilities: { preventCapture: false } },
  ])('is only noticed on %o', (change) => {
    expect(evaluate(blocked, { ...context, ...change })).toMatchObject({ outcome: 'allowed', enforcement: 'detected' })
  })

  it('is noticed where the policy only records', () => {
    expect(evaluate(defaultPolicy(), context)).toMatchObject({
      outcome: 'allowed',
      enforcement: 'detected',
      effect: 'log',
    })
  })

  it('is obscured where the content was covered before, and prevented where a mechanism held', () => {
    const browser = { ...context, platform: 'browser', osVersion: '140', obscured: true } as const
    expect(evaluate(blocked, browser)).toMatchObject({ outcome: 'allowed', enforcement: 'obscured', mechanism: null })
    expect(evaluate(blocked, { ...context, obscured: true })).toMatchObject({ enforcement: 'prevented' })
  })

  it('no browser has prevented anything', () => {
    const browser = { platform: 'browser', osVersion: '140', capabilities: { preventCapture: true } } as const
    const claim = (action: string, enforcement: 'prevented' | 'obscured') =>
      honestClaim({ action, outcome: 'denied', enforcement, ...browser })
    expect(claim('screenshot.attempt', 'prevented')).toEqual({ outcome: 'allowed', enforcement: 'detected' })
    expect(claim('screenshot.attempt', 'obscured')).toEqual({ outcome: 'allowed', enforcement: 'obscured' })
    expect(claim('file.print', 'prevented')).toEqual({ outcome: 'denied', enforcement: 'detected' })
    expect(claim('file.copy', 'obscured')).toEqual({ outcome: 'denied', enforcement: 'obscured' })
  })

  it('a claim without a mechanism is corrected', () => {
    const claim = { action: 'screenshot.attempt', outcome: 'denied', enforcement: 'prevented' } as const
    const device = { platform: 'ios', osVersion: '18', capabilities: { preventCapture: true } } as const
    expect(honestClaim({ ...claim, ...device })).toEqual({ outcome: 'allowed', enforcement: 'detected' })
    expect(honestClaim({ ...claim, ...context, action: 'screenshot.attempt' })).toEqual({
      outcome: 'denied',
      enforcement: 'prevented',
    })
    expect(honestClaim({ ...claim, ...device, action: 'file.view' })).toEqual({
      outcome: 'denied',
      enforcement: 'prevented',
    })
  })

  it('knows from which version Windows keeps a window out of captures', () => {
    expect(captureMechanism('windows', '10.0.19041')?.name).toBe('windows.WDA_EXCLUDEFROMCAPTURE')
    expect(captureMechanism('windows', '10.0.18363')).toBeNull()
  })
})

describe('content', () => {
  const forward = (mode: 'allow' | 'internal' | 'block', recipient: string) =>
    evaluate(
      policyWith((policy) => {
        policy.data.forward = { mode, internalDomains: ['example.com'], askReason: false }
      }),
      { ...context, action: 'file.forward', recipient },
    )

  it('forwards inside the organisation only', () => {
    expect(forward('internal', 'a@Example.com').outcome).toBe('allowed')
    expect(forward('internal', 'a@example.com.evil.org')).toMatchObject({ denial: 'external_recipient' })
    expect(forward('internal', 'a@sub.example.com').outcome).toBe('denied')
    expect(forward('allow', 'a@evil.org').outcome).toBe('allowed')
    expect(forward('block', 'a@example.com')).toMatchObject({ enforcement: 'prevented', denial: 'blocked' })
  })

  it('asks for a reason of a forward, after the address', () => {
    const policy = policyWith(({ data }) => {
      data.forward = { mode: 'internal', internalDomains: ['example.com'], askReason: true }
    })
    const to = (recipient: string, reason?: string) =>
      evaluate(policy, { ...context, action: 'file.forward', recipient, reason })
    expect(to('a@evil.org')).toMatchObject({ denial: 'external_recipient' })
    expect(to('a@example.com', '  ')).toMatchObject({ denial: 'reason_required', effect: 'ask_reason' })
    expect(to('a@example.com', 'for the audit')).toMatchObject({ outcome: 'allowed', enforcement: 'none' })
  })

  it('asks for a reason', () => {
    const policy = policyWith((draft) => {
      draft.data.download.mode = 'ask_reason'
    })
    const download = { ...context, action: 'file.download' } as const
    expect(evaluate(policy, download)).toMatchObject({ outcome: 'denied', denial: 'reason_required' })
    expect(evaluate(policy, { ...download, reason: '  ' })).toMatchObject({ denial: 'reason_required' })
    expect(evaluate(policy, { ...download, reason: 'tax audit' })).toMatchObject({ outcome: 'allowed' })
  })

  it('prints and copies as the policy says', () => {
    const policy = policyWith((draft) => {
      draft.data.print.mode = 'block'
    })
    expect(evaluate(policy, { ...context, action: 'file.print' }).outcome).toBe('denied')
    expect(evaluate(policy, { ...context, action: 'file.copy' }).outcome).toBe('allowed')
    expect(evaluate(policy, { ...context, action: 'file.view' }).rule).toBe('data.view')
    expect(evaluate(policy, { ...context, action: 'file.print' }).enforcement).toBe('prevented')
    const browser = { ...context, action: 'file.print', platform: 'browser' } as const
    expect(evaluate(policy, browser)).toMatchObject({ outcome: 'denied', enforcement: 'detected' })
    expect(evaluate(policy, { ...browser, obscured: true })).toMatchObject({ enforcement: 'obscured' })
  })
})

describe('what is asked of apps and people', () => {
  it('takes the platform minimum before the agent minimum', () => {
    const policy = policyWith((draft) => {
      draft.devices.minAppVersion = { agent: '1.0', ios: '3.0' }
    })
    expect(requiredAppVersion(policy, { platform: 'ios', channel: 'agent' })).toBe('3.0')
    expect(requiredAppVersion(policy, { platform: 'linux', channel: 'agent' })).toBe('1.0')
    expect(requiredAppVersion(policy, { platform: 'browser', channel: 'browser' })).toBeNull()
    const old = { platform: 'linux', channel: 'agent', appVersion: 'unknown' } as const
    expect(isAppVersionAccepted(policy, old)).toBe(false)
    expect(isAppVersionAccepted(policy, { ...old, appVersion: '1.0.0' })).toBe(true)
  })

  it('computes when a missing second factor holds a person', () => {
    const at = Date.parse('2026-01-01T00:00:00.000Z')
    const deadline = (secondFactor: PolicyDocument['signIn']['secondFactor']) =>
      secondFactorDeadlineMs({ ...defaultPolicy(), signIn: { secondFactor } }, at)
    expect(deadline({ mode: 'off', from: null, graceDays: 3 })).toBeNull()
    expect(deadline({ mode: 'now', from: null, graceDays: 0 })).toBe(at)
    expect(deadline({ mode: 'from', from: '2026-02-01T00:00:00.000Z', graceDays: 1 })).toBe(
      Date.parse('2026-02-02T00:00:00.000Z'),
    )
  })
})
