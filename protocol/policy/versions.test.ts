import { describe, expect, it } from 'vitest'
import { compareVersions } from './versions.ts'

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
})
