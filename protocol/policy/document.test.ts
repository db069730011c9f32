import { describe, expect, it } from 'vitest'
import { canonicalPolicy, defaultPolicy, type PolicyDocument, parsePolicy, policyJsonSchema } from './document.ts'
import { policyWith } from './testing-policies.ts'

function faultsOf(input: unknown) {
  const parsed = parsePolicy(input)
  return parsed.ok ? [] : parsed.errors
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
