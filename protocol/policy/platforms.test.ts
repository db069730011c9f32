import { describe, expect, it } from 'vitest'
import { evaluate } from './evaluate.ts'
import { captureMechanism, factsOf, GUARDED_OPERATIONS, PLATFORMS, truthOf } from './platforms.ts'
import { policyWith } from './testing-policies.ts'

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
