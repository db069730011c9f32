import { describe, expect, it } from 'vitest'
import { defaultPolicy } from '#protocol/policy/document.ts'
import type { Trust } from '#server/audit/schema.ts'
import { needsOf } from './needs.ts'
import { captureRows, platformSlices, policySlices, versionSlices } from './posture.ts'
import { stepsOf } from './steps.ts'

const devices = { known: 0, inService: 0, silent: 0, missingEvents: 0, pending: 0, clones: [], groups: [] }
const policy = { version: 3, document: defaultPolicy(), withoutFactor: 2, factorDeadline: null }
const trust: Trust = {
  state: 'ok',
  isIntact: false,
  anchored: null,
  anchors: [],
  hasMail: false,
  epoch: 1,
  epochs: [],
  isFrozen: false,
  origin: '',
  path: '',
  vkey: null,
  fingerprint: null,
  size: 0,
  checkpoints: [],
  note: null,
  verified: null,
}
const quiet = {
  devices,
  unconfirmed: { items: [], nextCursor: null },
  waiting: 0,
  policy,
  trust,
  damaged: { items: [] },
}

describe('needsOf', () => {
  it('is empty when nothing waits, and for those who may see nothing', () => {
    expect(needsOf(quiet)).toEqual([])
    expect(needsOf({ devices: null, unconfirmed: null, waiting: 0, policy: null, trust: null, damaged: null })).toEqual(
      [],
    )
  })

  it('names the most urgent first, each with one place to go', () => {
    const busy = {
      ...quiet,
      devices: { ...devices, pending: 2, clones: [{ id: 'd1', name: 'Phone' }] },
      waiting: 1,
      damaged: { items: [{ id: 'f1', name: 'Plan.pdf' }] },
      policy: { ...policy, factorDeadline: new Date('2026-12-01T00:00:00Z') },
      trust: { ...trust, state: 'behind' as const },
    }
    expect(needsOf(busy).map(({ key, href }) => [key, href])).toEqual([
      ['alarm', '/trust'],
      ['damaged', '/files/f1'],
      ['clone', '/devices/d1'],
      ['waiting', '/approvals'],
      ['pending', '/devices?status=pending'],
      ['factor', '/people'],
    ])
  })

  it('asks to look when somebody outside is set up and nobody has confirmed the log for a day', () => {
    const anchor = { id: 'a', kind: 'mail', name: 'x', place: 'x', vkey: null } as const
    const anchors = [{ ...anchor, size: null, anchoredAt: null, triedAt: null, problem: null, detail: null }]
    expect(needsOf({ ...quiet, trust: { ...trust, anchors } }).map(({ key }) => key)).toEqual(['unwitnessed'])
    expect(needsOf({ ...quiet, trust: { ...trust, anchors, isIntact: true } })).toEqual([])
  })

  it('leads to the list where there are several', () => {
    const clones = [
      { id: 'd1', name: 'A' },
      { id: 'd2', name: 'B' },
    ]
    expect(needsOf({ ...quiet, devices: { ...devices, clones } })).toMatchObject([
      { count: 2, href: '/devices?status=blocked' },
    ])
  })
})

const groups = [
  { platform: 'ios' as const, appVersion: '2.10.0', policyVersion: 3, count: 4 },
  { platform: 'ios' as const, appVersion: '2.9.0', policyVersion: 2, count: 1 },
  { platform: 'android' as const, appVersion: '2.9.0', policyVersion: 0, count: 2 },
]
const names = {
  below: (version: string) => `${version} too old`,
  current: (version: number) => `${version} in force`,
  older: (version: number) => `${version}`,
  none: 'none',
  rest: 'others',
}
const figures = (slices: { label: string; value: number; tone: string }[]) =>
  slices.map(({ label, value, tone }) => [label, value, tone])

describe('posture', () => {
  it('adds up platforms', () => {
    expect(platformSlices(groups, (name) => name).map(({ key, value }) => [key, value])).toEqual([
      ['ios', 5],
      ['android', 2],
    ])
  })

  it('orders versions as versions, and marks what the minimum refuses', () => {
    const document = defaultPolicy()
    document.devices.minAppVersion = { android: '2.10' }
    expect(figures(versionSlices(groups, document, names))).toEqual([
      ['2.10.0', 4, 'ok'],
      ['2.9.0 too old', 3, 'danger'],
    ])
  })

  it('tells which policy devices have', () => {
    expect(figures(policySlices(groups, 3, names))).toEqual([
      ['3 in force', 4, 'ok'],
      ['2', 1, 'warn'],
      ['none', 2, 'neutral'],
    ])
  })

  it('shows five and the others together, and loses none', () => {
    const many = Array.from({ length: 9 }, (_, index) => ({
      platform: 'ios' as const,
      appVersion: `1.${index}.0`,
      policyVersion: 1,
      count: 1,
    }))
    const slices = versionSlices(many, null, names)
    expect(slices).toHaveLength(6)
    expect(slices.reduce((sum, { value }) => sum + value, 0)).toBe(9)
  })
})

describe('captureRows', () => {
  it('writes days as all of the console does', () => {
    const days = [{ start: '2026-11-24T00:00:00.000Z', prevented: 1, noticed: 2 }]
    expect(captureRows(days, 'en').map(({ label }) => label)).toEqual(['24 Nov'])
    expect(captureRows(days, 'zh').map(({ label }) => label)).toEqual(['11月24日'])
  })
})

describe('stepsOf', () => {
  it('counts an invitation only beside the founder, and a policy only once something was published', () => {
    const factor = { enrolled: true, enrolledAt: new Date(), recoveryCodesLeft: 10, deadline: null }
    const people = { active: 1, invited: 0, suspended: 0 }
    const open = stepsOf({ factor, people, devices, files: null, policy: { ...policy, version: 1 } })
    expect(open.filter(({ done }) => done).map(({ key }) => key)).toEqual(['organisation', 'factor', 'codes'])
    expect(
      stepsOf({ factor, people: { ...people, invited: 1 }, devices, files: null, policy }).map(({ done }) => done),
    ).toEqual([true, true, true, true, false, false, true])
  })
})
