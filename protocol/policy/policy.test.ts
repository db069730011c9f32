import { describe, expect, it } from 'vitest'
import { diffPolicies, loosens } from './diff.ts'
import { canonicalPolicy, defaultPolicy, type PolicyDocument, parsePolicy, policyJsonSchema } from './document.ts'
import {
  evaluate,
  honestClaim,
  isAppVersionAccepted,
  type PolicyContext,
  requiredAppVersion,
  secondFactorDeadlineMs,
} from './evaluate.ts'
import { captureMechanism, factsOf, GUARDED_OPERATIONS, PLATFORMS, truthOf } from './platforms.ts'
import { compareVersions } from './versions.ts'

function policyWith(change: (policy: PolicyDocument) => void): PolicyDocument {
  const policy = defaultPolicy()
  change(policy)
  return policy
}

function faultsOf(input: unknown) {
  const parsed = parsePolicy(input)
  return parsed.ok ? [] : parsed.errors
}

const context: PolicyContext = {
  action: 'screenshot.attempt',
  platform: 'android',
  osVersion: '14',
  capabilities: { preventCapture: true },
}

describe('document', () => {
  it('accepts its own default and gives it back unchanged', () => {
    expect(parsePolicy(defaultPolicy())).toEqual({ ok: true, policy: defaultPolicy() })
  })

  it('names every wrong field', () => {
    const input = {
      ...defaultPolicy(),
      data: { ...defaultPolicy().data, screenshot: { mode: 'deny' }, telepathy: {} },
      devices: { ...defaultPolicy().devices, maxPerPerson: 0, minAppVersion: { ios: 'new' } },
    }
    expect(
      faultsOf(input)
        .map((fault) => fault.path)
        .sort(),
    ).toEqual(['data.screenshot.mode', 'data.telepathy', 'devices.maxPerPerson', 'devices.minAppVersion.ios'])
  })

  it('refuses a missing section instead of loosening it', () => {
    const { print: _print, ...data } = defaultPolicy().data
    expect(faultsOf({ ...defaultPolicy(), data }).map((fault) => fault.path)).toEqual(['data.print'])
    expect(faultsOf(null).map((fault) => fault.path)).toEqual([''])
  })

  it('ties the date to its mode', () => {
    const on = (secondFactor: PolicyDocument['signIn']['secondFactor']) =>
      faultsOf({ ...defaultPolicy(), signIn: { secondFactor } }).map((fault) => fault.path)
    expect(on({ mode: 'from', from: null, graceDays: 0 })).toEqual(['signIn.secondFactor.from'])
    expect(on({ mode: 'now', from: '2026-01-01T00:00:00.000Z', graceDays: 0 })).toEqual(['signIn.secondFactor.from'])
    expect(on({ mode: 'from', from: '2026-01-01T00:00:00.000Z', graceDays: 7 })).toEqual([])
    expect(on({ mode: 'from', from: 'tomorrow', graceDays: 7 })).toEqual(['signIn.secondFactor.from'])
  })

  /** A document of the form's first version, as organisations have published it. */
  const FIRST_FORM = {
    schema: 1,
    data: {
      screenshot: { mode: 'log' },
      forward: { mode: 'allow', internalDomains: [] },
      download: { mode: 'allow' },
      print: { mode: 'allow' },
      copy: { mode: 'allow' },
    },
    devices: { maxPerPerson: null, minAppVersion: {}, offlineHours: 12, approval: 'auto' },
    signIn: { secondFactor: { mode: 'off', from: null, graceDays: 0 } },
  }

  it('reads a document without the later members, means by it what it meant, and keeps its digest', () => {
    expect(parsePolicy(FIRST_FORM)).toEqual({ ok: true, policy: defaultPolicy() })
    expect(canonicalPolicy(defaultPolicy())).toEqual(FIRST_FORM)
  })

  it('keeps later members that say something else in the canonical form', () => {
    const policy = policyWith(({ data, devices }) => {
      data.forward.askReason = true
      data.watermark.mode = 'off'
      devices.browser.offlineContent = true
    })
    expect(canonicalPolicy(policy)).toEqual(policy)
    expect(parsePolicy(canonicalPolicy(policy))).toEqual({ ok: true, policy })
  })

  it.each([
    ['{name} {phone}', 'has no placeholder {phone}'],
    ['{name', 'may hold visible text and {name}'],
    ['{{name}}', 'may hold visible text and {name}'],
    ['one\ntwo', 'may hold visible text and {name}'],
    ['\u202eabc', 'may hold visible text and {name}'],
    ['  ', 'must not be empty'],
    ['', 'must not be empty'],
    ['x'.repeat(121), '120'],
  ])('refuses the watermark %j: %s', (template, message) => {
    const [fault, ...others] = faultsOf(policyWith(({ data }) => Object.assign(data.watermark, { template })))
    expect(fault).toEqual({ path: 'data.watermark.template', message: expect.stringContaining(message) })
    expect(others).toEqual([])
  })

  it('exports a JSON Schema', () => {
    const schema = policyJsonSchema()
    expect(schema).toMatchObject({ type: 'object', additionalProperties: false })
    expect(Object.keys(schema.properties as object)).toEqual(['schema', 'data', 'devices', 'signIn'])
  })
})

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

describe('the table of what each platform can do', () => {
  const blocked = policyWith(({ data }) => {
    for (const operation of GUARDED_OPERATIONS) Object.assign(data[operation], { mode: 'block' })
  })

  it('says what the evaluator decides on a current version', () => {
    for (const platform of PLATFORMS) {
      for (const operation of GUARDED_OPERATIONS) {
        const { truth } = truthOf(platform, operation)
        const { enforcement } = evaluate(blocked, {
          action: operation === 'screenshot' ? 'screenshot.attempt' : `file.${operation}`,
          platform,
          osVersion: '999',
          capabilities: { preventCapture: true },
          obscured: truth === 'obscured',
        })
        // Where nothing tells of a capture, one that is reported all the same was noticed.
        expect([platform, operation, enforcement]).toEqual([
          platform,
          operation,
          truth === 'unseen' ? 'detected' : truth,
        ])
      }
    }
  })

  it('prevents a screenshot only by a listed mechanism, from its version on, and names its source', () => {
    for (const platform of PLATFORMS) {
      const fact = truthOf(platform, 'screenshot')
      expect(fact.truth === 'prevented').toBe(captureMechanism(platform, '999') !== null)
      for (const { source } of factsOf(platform, 'screenshot')) expect(source).toMatch(/^https:/)
    }
    expect(truthOf('windows', 'screenshot')).toMatchObject({
      name: 'windows.WDA_EXCLUDEFROMCAPTURE',
      minOsVersion: '10.0.19041',
    })
  })

  it('no browser keeps its own page from anything', () => {
    for (const operation of ['screenshot', 'print', 'copy'] as const) {
      for (const { truth } of factsOf('browser', operation)) expect(truth).not.toBe('prevented')
    }
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

describe('versions', () => {
  it.each([
    ['1.2', '1.2.0', 0],
    ['1.10', '1.9', 1],
    ['2.0.0-beta.2', '2.0.0-beta.10', -1],
    ['2.0.0-rc', '2.0.0', -1],
    ['v1.0.0+build', '1.0.0', 0],
    ['1.0.0.1', '1.0.0', 1],
    ['next', '1.0', null],
    ['', '1.0', null],
  ] as const)('%s against %s is %s', (a, b, order) => {
    expect(compareVersions(a, b)).toBe(order)
  })

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
