import { describe, expect, it } from 'vitest'
import { DEFAULT_WATERMARK, deviceCode, renderWatermark, type WatermarkValues, watermarkFault } from './watermark.ts'

const values: WatermarkValues = {
  name: 'Mei Lin',
  email: 'mei@example.org',
  time: new Date('2026-01-31T09:14:59.999Z'),
  device: '7F3A-09C1',
  organisation: 'Acme',
}

describe('renderWatermark', () => {
  it('fills in every placeholder, the time with its zone', () => {
    expect(renderWatermark(DEFAULT_WATERMARK, values)).toBe('Mei Lin · 2026-01-31 09:14 UTC · 7F3A-09C1')
    expect(renderWatermark('{organisation}: {email} {email}', values)).toBe('Acme: mei@example.org mei@example.org')
  })

  it('never reads a value as a template, and paints nothing that hides or turns the line', () => {
    expect(renderWatermark('{name}', { ...values, name: '{email} $& $1' })).toBe('{email} $& $1')
    expect(renderWatermark('<{name}>', { ...values, name: '\u202eieM\n\u0000Lin\u200b' })).toBe('<ieM Lin>')
  })
})

describe('watermarkFault', () => {
  it('finds none in what the policy starts with, nor in other scripts', () => {
    expect(watermarkFault(DEFAULT_WATERMARK)).toBeNull()
    expect(watermarkFault('机密 {name} ✓ “{time}”')).toBeNull()
  })

  it('names an unknown placeholder and the known ones', () => {
    expect(watermarkFault('{name} {ip}')).toBe(
      'has no placeholder {ip}; known are {name} {email} {time} {device} {organisation}',
    )
    expect(watermarkFault('{constructor}')).toContain('{constructor}')
  })
})

describe('deviceCode', () => {
  it('is the random end of the id', () => {
    expect(deviceCode('01890000-0000-7000-8000-0000abcdef12')).toBe('ABCD-EF12')
  })
})
