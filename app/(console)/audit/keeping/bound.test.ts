import { describe, expect, it } from 'vitest'
import { boundOf, wallOfBound } from './_bound.ts'

describe('a bound of time in a form', () => {
  it('is on the clock of the shown zone, both ways', () => {
    expect(boundOf('2026-07-01T08:30', 'Europe/Berlin')).toBe('2026-07-01T06:30:00.000Z')
    expect(boundOf('2026-01-01T08:30:15', 'Asia/Shanghai')).toBe('2026-01-01T00:30:15.000Z')
    expect(wallOfBound('2026-07-01T06:30:00.000Z', 'Europe/Berlin')).toBe('2026-07-01T08:30:00')
  })

  it('may be missing or wrong: then the command says so', () => {
    expect(boundOf(null, 'UTC')).toBe('')
    expect(boundOf(' ', 'UTC')).toBe('')
    expect(boundOf('yesterday', 'UTC')).toBe('yesterday')
    expect(boundOf('2026-13-01T00:00', 'UTC')).toBe('2026-13-01T00:00')
    expect(boundOf('2026-01-31T00:00:00Z', 'Asia/Shanghai')).toBe('2026-01-31T00:00:00Z')
    expect(wallOfBound('yesterday', 'UTC')).toBe('')
  })
})
