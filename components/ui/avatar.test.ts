import { describe, expect, it } from 'vitest'
import { initials } from './avatar.tsx'

describe('initials', () => {
  it.each([
    ['Mei Lau', 'ML'],
    ['Ana Maria de Sousa', 'AS'],
    ['cher', 'C'],
    ['陈宇航', '航'],
    ['', ''],
    ['😀 x', '😀X'],
  ])('%s gives %s', (name, letters) => {
    expect(initials(name)).toBe(letters)
  })
})
